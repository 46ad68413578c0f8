"""The stages of the whole way, each of which works in a project folder and records its figures."""

import time
from collections.abc import Callable
from dataclasses import asdict
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nir
import torch

from spikewright.boards import get_board
from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import (
    Code,
    ConvertConfig,
    Epoch,
    RecurrentNetwork,
    RecurrentReference,
    Reference,
    TrainConfig,
    code_of,
    convert,
    encode_input,
    prepare,
    train,
)
from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.files import read_json, text_hash
from spikewright.flow.frameworks import import_spiking
from spikewright.flow.generate import generate, verilog_text
from spikewright.flow.importers import import_module
from spikewright.flow.lanes import Banks
from spikewright.flow.memories import core_name
from spikewright.flow.nir import Discretisation
from spikewright.flow.nir.convert import convert_graph
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.nir.preset import check_preset
from spikewright.flow.original import Original
from spikewright.flow.performance import performance
from spikewright.flow.plan import default_plan, load_plan, plan_hash, with_depths
from spikewright.flow.progress import Advance, Working, silent
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import frames_of, unrolled
from spikewright.flow.synthesize import check_fits, stored_sample, synthesize
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError
from spikewright.golden.spec import Encoding, Mode, Network
from spikewright.hdl.plan import HardwarePlan, MembraneStore, Products

__all__ = [
    "build_stage",
    "choose_plan",
    "convert_nir_stage",
    "convert_spiking_stage",
    "convert_stage",
    "cosim_stage",
    "epochs",
    "evaluate_stage",
    "generate_stage",
    "usual_steps",
]

KEPT_SAMPLES = 4096
PAYLOAD = 255  # the largest whole number that is taken as it is
RANDOM_SAMPLES, RANDOM_STEPS, RANDOM_RATE = 32, 64, 0.05


def epochs(
    advance: Advance, *, before: dict[str, int] | None = None, total: int | None = None
) -> Callable[[Epoch], None]:
    """Tell the epochs of training as progress; ``before``: those done when a phase begins."""

    def tell(epoch: Epoch) -> None:
        done = (before or {}).get(epoch.phase, 0) + epoch.epoch
        advance(
            done / (total or epoch.epochs),
            f"{epoch.phase}, epoch {epoch.epoch} of {epoch.epochs}: {epoch.accuracy:.1%}",
        )

    return tell


def convert_stage(
    out: Path,
    module: torch.nn.Module,
    data: Samples,
    config: ConvertConfig,
    *,
    training: TrainConfig | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Convert ``module``, after training it quantised if asked, into a new project."""
    check_output(out)
    stages = import_module(module, tuple(data.x.shape[1:]))
    n_classes = stages.readout.shape[0]
    if n_classes < 2:
        raise ConfigurationError(
            "a network that chooses a class must have at least 2 outputs", found=str(n_classes)
        )
    original = Original(stages)
    seconds = {}
    if training is not None:
        start = time.perf_counter()
        with working("train quantised") as advance:
            module = prepare(module, data.x, config)
            labels = data.labels("calibration data", n_classes)
            train(module, data.x, labels, training, epochs(advance), seed=seed)
        seconds["train"] = time.perf_counter() - start
    start = time.perf_counter()
    with working("convert"):
        conversion = convert(module, data.x, config)
        project = Project.create(out, conversion.network, original, data.first(KEPT_SAMPLES))
    seconds["convert"] = time.perf_counter() - start
    project.record({}, seconds)
    return project


def convert_nir_stage(
    out: Path,
    source: Path,
    rule: Discretisation,
    data: Samples | None,
    *,
    name: str,
    weight_bits: int = 8,
    input_levels: int | None = None,
    agreement: float = 0.99,
    max_steps: int = 256,
    shape: tuple[int, ...] | None = None,
    preset: str | None = None,
    seed: int = 0,
    held_out: Samples | None = None,
    working: Working = silent,
) -> Project:
    """Make a project of a NIR file; without data, agreement is measured on random spikes.

    The project keeps the samples ``held_out``, or else the first of ``data``.
    """
    original = NirOriginal(source, rule, shape=shape)
    if preset is not None:
        check_preset(preset, original.reference.graph, where=str(source))
    return _convert_original(
        out,
        original,
        data,
        {"discretisation": rule.as_dict()},
        name=name,
        weight_bits=weight_bits,
        input_levels=input_levels,
        agreement=agreement,
        max_steps=max_steps,
        seed=seed,
        held_out=held_out,
        working=working,
    )


def convert_spiking_stage(
    out: Path,
    module: torch.nn.Module,
    data: Samples,
    *,
    name: str,
    weight_bits: int = 8,
    input_levels: int | None = None,
    agreement: float = 0.99,
    max_steps: int = 256,
    working: Working = silent,
) -> Project:
    """Make a project of a live module of a spiking framework, from samples [N, steps, ...]."""
    if data.x.ndim < 3:
        raise ConfigurationError(
            "samples of a spiking network must have the shape [N, steps, ...]",
            found=str(list(data.x.shape)),
            action="repeat what is shown for several steps",
        )
    imported = import_spiking(module, tuple(data.x.shape[2:]))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "module.nir"
        nir.write(path, imported.graph)
        original = NirOriginal(path, imported.rule, where=name)
        return _convert_original(
            out,
            original,
            data,
            {"framework": imported.framework, "discretisation": imported.rule.as_dict()},
            name=name,
            weight_bits=weight_bits,
            input_levels=input_levels,
            agreement=agreement,
            max_steps=max_steps,
            seed=0,
            held_out=None,
            working=working,
        )


def _convert_original(
    out: Path,
    original: NirOriginal,
    data: Samples | None,
    figures: dict[str, Any],
    *,
    name: str,
    weight_bits: int,
    input_levels: int | None,
    agreement: float,
    max_steps: int,
    seed: int,
    held_out: Samples | None,
    working: Working,
) -> Project:
    """The integers that agree, as a project."""
    check_output(out)
    start = time.perf_counter()
    if data is None:
        draws = torch.Generator().manual_seed(seed)
        size = (
            RANDOM_SAMPLES,
            min(max_steps, RANDOM_STEPS),
            *original.reference.shapes[original.input],
        )
        data = Samples(x=(torch.rand(size, generator=draws) < RANDOM_RATE).float())
    levels = input_range(data.x, input_levels)
    low, high, step = levels
    whole = data.x.double() / (step or 1.0)
    values = torch.floor(whole + 0.5).clamp(low, high).long()
    if values.ndim < 3 or values.shape[1] > max_steps:
        raise ConfigurationError(
            f"samples must have the shape [steps, ...], with at most {max_steps} steps",
            found=str(list(values.shape[1:])),
            action="give more --max-steps, or shorter samples",
        )
    wanted = original.reference.shapes[original.input]
    if values[0, 0].numel() != prod(wanted):
        raise ConfigurationError(
            f"a step must have {prod(wanted)} values, shape {list(wanted)}",
            found=f"shape {list(values.shape[2:])}",
            where=f"input {original.input!r}",
        )
    inputs = values.reshape(*values.shape[:2], *wanted)
    with working("convert"):
        conversion = convert_graph(
            original.reference,
            {original.input: inputs},
            name=name,
            max_steps=max_steps,
            weight_bits=weight_bits,
            agreement=agreement,
            levels={original.input: levels},
        )
        kept = data.first(KEPT_SAMPLES) if held_out is None else held_out
        project = Project.create(out, conversion.network, original, kept)
    figures |= {
        "agreement": conversion.agreement.as_dict(),
        "precision": asdict(conversion.precision),
    }
    project.record({"nir": figures}, {"convert": time.perf_counter() - start})
    return project


def input_range(x: torch.Tensor, levels: int | None) -> tuple[int, int, float | None]:
    """(low, high, step) of payloads: whole numbers as they are, others in so many levels."""
    low, high = float(x.min()), float(x.max())
    whole = bool((x == x.round()).all())
    if levels is None and whole and max(-low, high) <= PAYLOAD:
        return min(0, int(low)), max(1, int(high)), None
    most = levels or 255
    step = max(-low, high) / most
    return (-most if low < 0 else 0), most, step or 1.0


def usual_steps(network: Network, steps: tuple[int, ...]) -> tuple[int, ...]:
    """``steps``, each T of stepwise runs, or the one T that the code of the network has."""
    fixed = code_of(network) in (Code.ONEHOT, Code.FIRST_SPIKE)
    return (network.max_steps,) if fixed else steps


def evaluate_stage(
    project: Project,
    samples: Samples,
    *,
    steps: tuple[int, ...],
    batch: int = 1000,
    working: Working = silent,
) -> None:
    """Measure the accuracy of the original and of every mode."""
    start = time.perf_counter()
    network = project.network
    classes = network.population(network.readout.population).channels
    labels = samples.labels("evaluation data", classes)
    events = network.inputs[0].encoding is Encoding.EVENTS
    for wanted in () if events else steps:
        if not 1 <= wanted <= network.max_steps:
            raise ConfigurationError(
                f"steps must lie in 1..{network.max_steps}, the network's max_steps",
                found=str(wanted),
                action="convert with a larger --max-steps",
            )
    n_stages = 2 + len(steps) + sum(mode in network.modes for mode in (Mode.SETTLE, Mode.COLLAPSED))
    seen: list[str] = []
    with working("evaluate") as advance:

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in seen:
                seen.append(stage)
            advance((len(seen) - 1 + done / total) / n_stages, stage)

        figures = evaluate(
            network,
            reference_of(project),
            project.original if not isinstance(project.original, RecurrentNetwork) else None,
            samples.x,
            labels,
            steps=steps,
            batch=batch,
            progress=tell,
        )
    project.record({"accuracy": figures}, {"evaluate": time.perf_counter() - start})


def reference_of(project: Project) -> Reference | RecurrentReference | None:
    """What says ``quantised``, independently of the golden model, where there is such a thing."""
    if isinstance(project.original, RecurrentNetwork):
        return RecurrentReference(project.original)
    return None if code_of(project.network) is None else Reference(project.network)


def choose_plan(
    project: Project,
    mode: Mode | None,
    lanes: tuple[int, ...] | None,
    *,
    banks: tuple[Banks, ...] | None = None,
    membranes: MembraneStore | None = None,
    products: Products = Products.MULTIPLIER,
    encoders: bool = False,
    guard: int | None = None,
    path: Path | None = None,
) -> HardwarePlan:
    """The plan of a file, or the one that suits mode and lanes.

    Without a mode it is collapsed, or the last that a network without collapsed has.
    """
    network = project.network
    if path is not None:
        return with_depths(network, load_plan(path))
    if mode is None:
        mode = Mode.COLLAPSED if Mode.COLLAPSED in network.modes else network.modes[-1]
    return default_plan(
        network,
        mode,
        lanes=lanes,
        banks=banks,
        membranes=membranes,
        products=products,
        encoders=encoders,
        guard=guard,
    )


def generate_stage(project: Project, plan: HardwarePlan, *, working: Working = silent) -> None:
    """Write the Verilog; figures of other hardware for the same mode no longer hold."""
    start = time.perf_counter()
    folder = project.generated(plan.mode)
    with working(f"generate {plan.mode}"):
        generate(project.network, plan, folder)
    project.drop_hardware(plan.mode)
    project.record(
        {
            "hardware": {
                "mode": str(plan.mode),
                "cores": [core_name(core) for core in plan.cores],
                "lanes": [core.lanes for core in plan.cores],
                "banks": ["x".join(map(str, core.banks)) for core in plan.cores],
                "membranes": [str(core.membranes) for core in plan.cores],
                "verilog": str((folder / "accelerator.v").relative_to(project.root)),
            }
        },
        {f"generate_{plan.mode}": time.perf_counter() - start},
    )


def cosim_stage(
    project: Project,
    mode: Mode,
    samples: Samples,
    *,
    steps: int,
    reset_every: int | None = None,
    simulator: str = "verilator",
    stall_input: str | None = None,
    stall_output: str | None = None,
    working: Working = silent,
) -> None:
    """Compare the Verilog with the golden model, spike by spike, and count its cycles."""
    start = time.perf_counter()
    network = project.network
    plan = hardware_plan(project, mode)
    values = encode_input(network.inputs[0], samples.x)
    frames = frames_of(network, values)
    if frames is not None:
        if reset_every is not None:
            raise ConfigurationError(
                "sequences must be left to end by themselves",
                found=f"reset_every {reset_every} for sequences of {frames} frames",
            )
        values, reset_every = unrolled(network, values)[0], frames
    events = network.inputs[0].encoding is Encoding.EVENTS
    n_steps = steps if mode is Mode.STEPWISE and not events else None
    with working(f"co-simulate {mode}") as advance:
        report = cosimulate(
            network,
            project.generated(mode),
            values,
            steps=n_steps,
            reset_every=reset_every,
            simulator=simulator,
            stall_input=stall_input,
            stall_output=stall_output,
            progress=lambda done, total: advance(done / total, f"{done:,} of {total:,} samples"),
        )
    figures = asdict(report)
    figures["lanes"] = [core.lanes for core in plan.cores]
    figures["steps"] = n_steps
    figures["reset_every"] = reset_every or 1
    figures["frames"] = frames
    figures["stalled"] = stall_input is not None or stall_output is not None
    modes = {**project.summary.get("cosim_modes", {}), str(mode): figures}
    project.record(
        {"cosim": figures, "cosim_modes": modes}, {f"cosim_{mode}": time.perf_counter() - start}
    )
    record_performance(project)


def hardware_plan(project: Project, mode: Mode) -> HardwarePlan:
    """The plan that the generated hardware was made of, and of this network.

    Raises
    ------
    FileError
        If plan, manifest and network do not belong together.
    """
    folder = project.generated(mode)
    read_manifest(folder)  # the Verilog is the one that it describes
    plan, manifest = load_plan(folder / "plan.json"), read_json(folder / "manifest.json")
    made_of = (manifest["network"]["hash"], manifest["plan"]["hash"])
    for what, wanted, found in zip(
        ("network", "plan"), made_of, (project.network.content_hash, plan_hash(plan)), strict=True
    ):
        if wanted != found:
            raise FileError(
                f"the generated hardware must be of the project's {what}",
                found=f"hash {wanted[:12]}, not {found[:12]}",
                where=str(folder),
                action=f"run: spikewright generate {project.root} --mode {mode}",
            )
    return plan


def check_verilog(project: Project, mode: Mode) -> None:
    """What is built is made anew from the plan: it must be the Verilog that was co-simulated."""
    text = verilog_text(project.network, hardware_plan(project, mode))
    expected = read_json(project.generated(mode) / "manifest.json")["verilog_hash"]
    if text_hash(text) != expected:
        raise FileError(
            "the generated Verilog must be what this version makes of the plan",
            found=f"hash {expected[:12]}, not {text_hash(text)[:12]}",
            where=str(project.generated(mode)),
            action=f"run: spikewright generate {project.root} --mode {mode}",
        )


def record_performance(project: Project) -> None:
    """Put the co-simulation's cycles and the build's clock together, if they are of one mode."""
    build = project.summary.get("build")
    cosim = project.summary.get("cosim")
    if build is not None:
        cosim = project.summary.get("cosim_modes", {}).get(build["mode"])
    if cosim is None:
        project.summary.pop("performance", None)
        project.record({})
    # A run that was made to wait says nothing of the hardware's speed.
    elif not cosim["stalled"]:
        project.record({"performance": performance(cosim, build)})


def build_stage(
    project: Project,
    mode: Mode,
    board: str,
    *,
    clock_mhz: float | None = None,
    seed: int = 1,
    sample: int = 0,
    steps: int = 8,
    working: Working = silent,
) -> None:
    """Make a bitstream that works on one of the project's samples, or on its first frame."""
    start = time.perf_counter()
    network, samples = project.network, project.samples
    if not 0 <= sample < len(samples):
        raise ConfigurationError(
            f"the sample must be one of the project's {len(samples)}", found=str(sample)
        )
    check_fits(network, hardware_plan(project, mode), get_board(board))
    check_verilog(project, mode)
    values = encode_input(network.inputs[0], samples.x[sample : sample + 1])
    if frames_of(network, values) is not None:
        values = values[:, 0]
    plan = hardware_plan(project, mode)
    if plan.guards:
        raise UnsupportedError(
            "a bitstream that tests itself must have inputs that wait: what a guard drops, no"
            " stored answer knows",
            found=", ".join(f"a guard of {guard.input!r}" for guard in plan.guards),
            action="generate without --guard, or put the Verilog in a design of your own",
        )
    events = network.inputs[0].encoding is Encoding.EVENTS
    folder = project.build(board)
    with working(f"build {board}") as advance:
        stored = stored_sample(
            network,
            mode,
            values.numpy(),
            steps=None if events or mode is not Mode.STEPWISE else steps,
            encoders=plan.encoders,
        )
        report = synthesize(
            network,
            plan,
            board,
            folder,
            sample=stored,
            clock_mhz=clock_mhz,
            seed=seed,
            progress=advance,
        )
    figures = {"mode": str(mode), **report.as_dict()}
    figures["bitstream"] = str((folder / report.bitstream).relative_to(project.root))
    project.record({"build": figures}, {"build": time.perf_counter() - start})
    record_performance(project)
