"""The stages that work in a project: accuracy, hardware, co-simulation, bitstream."""

import time
from dataclasses import asdict

from spikewright.boards import BOARDS, get_board
from spikewright.flow.accuracy import evaluate
from spikewright.flow.area import estimate_area
from spikewright.flow.convert import (
    Code,
    Reference,
    code_of,
)
from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.files import read_json, text_hash
from spikewright.flow.generate import generate, verilog_text
from spikewright.flow.ip import Interface, write_ip
from spikewright.flow.memories import core_name
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.performance import performance
from spikewright.flow.plan_file import load_plan, plan_hash
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recurrent import RecurrentNetwork, RecurrentReference
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples, frames_of, unrolled
from spikewright.flow.synthesize import (
    StoredSample,
    check_fits,
    memories_of,
    stored_sample,
    synthesize,
)
from spikewright.flow.tools import check_simulator
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError
from spikewright.golden.spec import Encoding, Mode, Network, ReadoutKind
from spikewright.hdl.plan import (
    CorePlan,
    HardwarePlan,
)

__all__ = [
    "build_stage",
    "cosim_stage",
    "evaluate_stage",
    "generate_stage",
    "usual_steps",
]


def usual_steps(network: Network, steps: tuple[int, ...]) -> tuple[int, ...]:
    """``steps``, each T of stepwise runs, as far as the network goes, or the one T of its code."""
    if code_of(network) in (Code.ONEHOT, Code.FIRST_SPIKE):
        return (network.max_steps,)
    return tuple(dict.fromkeys(min(each, network.max_steps) for each in steps))


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
    if network.readout.kind is ReadoutKind.STREAM:
        raise ConfigurationError(
            "accuracy must be that of a readout that decides",
            found=f"{network.readout.kind}, {network.readout.decision}",
            where=f"network {network.name!r}",
            action="run: spikewright readout DIR --kind membrane, or count",
        )
    labels = samples.labels(classes)
    events = network.inputs[0].encoding is Encoding.EVENTS
    if Mode.STEPWISE not in network.modes:
        steps = ()
    for wanted in (samples.x.shape[1],) if events else steps:
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
            # A NIR file may hold weights that were rounded in training.
            float_name="as_trained" if isinstance(project.original, NirOriginal) else "float",
            progress=tell,
        )
    project.record({"accuracy": figures}, {"evaluate": time.perf_counter() - start})


def reference_of(project: Project) -> Reference | RecurrentReference | None:
    """What says ``quantised``, independently of the golden model, where there is such a thing."""
    if isinstance(project.original, RecurrentNetwork):
        return RecurrentReference(project.original)
    return None if code_of(project.network) is None else Reference(project.network)


def generate_stage(
    project: Project,
    plan: HardwarePlan,
    *,
    interface: Interface = Interface.STREAM,
    working: Working = silent,
) -> None:
    """Write the Verilog, and the block with its interface, which a testbench tries on the project's
    first sample; figures of other hardware for the same mode no longer hold.
    """
    start = time.perf_counter()
    folder = project.generated(plan.mode)
    with working(f"generate {plan.mode}"):
        generated = generate(project.network, plan, folder)
        sample = _sample(project, plan, 0, steps=usual_steps(project.network, (8,))[0])
        block = write_ip(generated, interface, sample)
    project.drop_hardware(plan.mode)
    project.record(
        {
            "hardware": {
                "mode": str(plan.mode),
                "cores": [core_name(core) for core in plan.cores],
                "lanes": [core.lanes for core in plan.cores],
                "banks": ["x".join(map(str, core.banks)) for core in plan.cores],
                "membranes": [str(core.membranes) for core in plan.cores],
                "rows": [str(core.rows) for core in plan.cores],
                "weights": [str(core.weights) for core in plan.cores],
                **_more_choices(plan),
                "verilog": str((folder / "accelerator.v").relative_to(project.root)),
                "interface": str(interface),
                "block": str(block.relative_to(project.root)),
            }
        },
        {f"generate_{plan.mode}": time.perf_counter() - start},
    )


def _sample(project: Project, plan: HardwarePlan, index: int, *, steps: int) -> StoredSample:
    """One of the project's samples, or its first frame, and what must come of it."""
    network = project.network
    x = project.samples.x[index : index + 1]
    values = unrolled(network, encode_samples(network, x))[0][:1]
    events = network.inputs[0].encoding is Encoding.EVENTS
    return stored_sample(
        network,
        plan.mode,
        values.numpy(),
        steps=None if events or plan.mode is not Mode.STEPWISE else steps,
        encoders=plan.encoders,
    )


def _more_choices(plan: HardwarePlan) -> dict[str, list[str]]:
    """Those that are not as of a plain core, in some core."""
    names = ("sweep_lanes", "spikes", "sweeps", "products", "parameters", "fanout")
    plain = CorePlan(hosts=plan.cores[0].hosts, lanes=1)
    found = {}
    for name in names:
        values = [getattr(core, name) for core in plan.cores]
        if any(value != getattr(plain, name) for value in values):
            found[name] = ["-" if value is None else str(value) for value in values]
    return found


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
    jobs: int | None = None,
    working: Working = silent,
) -> None:
    """Compare the Verilog with the golden model, spike by spike, and count its cycles."""
    check_simulator(simulator)
    start = time.perf_counter()
    network = project.network
    plan = hardware_plan(project, mode)
    values = encode_samples(network, samples.x)
    frames = frames_of(network, values)
    if frames is not None:
        if reset_every is not None:
            raise ConfigurationError(
                "sequences must be left to end by themselves",
                found=f"reset_every {reset_every} for sequences of {frames} frames",
            )
        reset_every = frames
    values, _ = unrolled(network, values)
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
            jobs=jobs,
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
    seeds: tuple[int, ...] = (1,),
    sample: int = 0,
    steps: int = 8,
    working: Working = silent,
) -> None:
    """Make a bitstream that works on one of the project's samples, or on its first frame."""
    if get_board(board).name not in BOARDS:
        raise ConfigurationError(
            f"a board that is built for must be one of {', '.join(BOARDS)}, whose pins are known",
            found=f"{get_board(board).name!r} of a file",
            where="--board",
            action="plan for it: spikewright plan, or explore",
        )
    start = time.perf_counter()
    network, samples = project.network, project.samples
    if not 0 <= sample < len(samples):
        raise ConfigurationError(
            f"the sample must be one of the project's {len(samples)}", found=str(sample)
        )
    check_fits(network, hardware_plan(project, mode), get_board(board))
    check_verilog(project, mode)
    plan = hardware_plan(project, mode)
    if plan.guards:
        raise UnsupportedError(
            "a bitstream that tests itself must have inputs that wait: what a guard drops, no"
            " stored answer knows",
            found=", ".join(f"a guard of {guard.input!r}" for guard in plan.guards),
            action="generate without --guard, or put the Verilog in a design of your own",
        )
    folder = project.build(board)
    with working(f"build {board}") as advance:
        stored = _sample(project, plan, sample, steps=steps)
        report = synthesize(
            network,
            plan,
            board,
            folder,
            sample=stored,
            clock_mhz=clock_mhz,
            seeds=seeds,
            progress=advance,
        )
    memories = memories_of(stored, network, plan)
    area = estimate_area(network, plan, get_board(board), stored=memories)
    figures = {"mode": str(mode), **report.as_dict()}
    figures["estimated"] = area.as_dict() | {
        "lut_error": area.luts / figures["lut"] - 1,
        "bram_error": area.block_rams - figures["bram"],
    }
    for name in ("bitstream", "flash"):
        if figures[name] is not None:
            figures[name] = str((folder / figures[name]).relative_to(project.root))
    project.record({"build": figures}, {"build": time.perf_counter() - start})
    record_performance(project)
