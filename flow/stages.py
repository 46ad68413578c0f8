"""The stages that work in a project: accuracy, hardware, co-simulation, bitstream."""

import time
from dataclasses import asdict, replace

from spikewright.boards import BOARDS, Board, get_board
from spikewright.flow.accuracy import evaluate
from spikewright.flow.convert import (
    Code,
    Reference,
    code_of,
    is_corrective,
)
from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.files import read_json, text_hash
from spikewright.flow.gates import FAMILIES, Gates, map_gates
from spikewright.flow.generate import generate, verilog_text
from spikewright.flow.integers import Integers
from spikewright.flow.ip import Interface, write_ip
from spikewright.flow.memories import core_name
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.original import Original
from spikewright.flow.performance import performance
from spikewright.flow.plan_file import load_plan
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recurrent import RecurrentNetwork, RecurrentReference
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples, frames_of, unrolled
from spikewright.flow.synthesize import StoredSample, check_fits, stored_sample
from spikewright.flow.tools import check_simulator
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError
from spikewright.golden.spec import Encoding, Mode, Network, ReadoutKind
from spikewright.hdl.design import design_hash
from spikewright.hdl.plan import (
    CorePlan,
    HardwarePlan,
)

__all__ = [
    "cosim_stage",
    "evaluate_stage",
    "generate_stage",
    "usual_steps",
]


def usual_steps(network: Network, steps: tuple[int, ...]) -> tuple[int, ...]:
    """``steps``, each T of stepwise runs, as far as the network goes, or the one T of its code."""
    if code_of(network) not in (None, Code.RATE) or is_corrective(network):
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
            float_of(project),
            samples.x,
            labels,
            steps=steps,
            batch=batch,
            # A NIR file may hold weights that were rounded in training.
            float_name="as_trained" if isinstance(project.original, NirOriginal) else "float",
            progress=tell,
        )
    project.record({"accuracy": figures}, {"evaluate": time.perf_counter() - start})


def float_of(project: Project) -> Original | NirOriginal | None:
    """The network in floating point, where there is one."""
    original = project.original
    return None if isinstance(original, RecurrentNetwork | Integers) else original


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
        sample = sample_of(project, plan, 0, steps=usual_steps(project.network, (8,))[0])
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
                **({} if plan.envelope is None else {"loads": "any network of this shape"}),
                "verilog": str((folder / "accelerator.v").relative_to(project.root)),
                "interface": str(interface),
                "block": str(block.relative_to(project.root)),
            }
        },
        {f"generate_{plan.mode}": time.perf_counter() - start},
    )


def sample_of(project: Project, plan: HardwarePlan, index: int, *, steps: int) -> StoredSample:
    """One of the project's samples, or its first frame, and what must come of it.

    Raises
    ------
    ConfigurationError
        If there is no such sample.
    """
    network = project.network
    if not 0 <= index < len(project.samples):
        raise ConfigurationError(
            f"the sample must be one of the project's {len(project.samples)}", found=str(index)
        )
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
    gates: str | None = None,
    working: Working = silent,
) -> None:
    """Compare the Verilog with the golden model, spike by spike, and count its cycles.

    ``gates``: a board, as whose cells it is synthesised and simulated; figures of the Verilog stay
    what they are.
    """
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
    netlist = None
    if gates is not None:
        with working(f"synthesise for {gates}"):
            netlist = _gates(project, mode, gates)
    title = f"co-simulate {mode}" + ("" if gates is None else f", cells of {gates}")
    with working(title) as advance:
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
            gates=netlist,
            progress=lambda done, total: advance(done / total, f"{done:,} of {total:,} samples"),
        )
    figures = asdict(replace(report, gates=None))
    figures["gates"] = None if netlist is None else netlist.as_dict()
    figures["lanes"] = [core.lanes for core in plan.cores]
    figures["steps"] = n_steps
    figures["reset_every"] = reset_every or 1
    figures["frames"] = frames
    figures["stalled"] = stall_input is not None or stall_output is not None
    seconds = time.perf_counter() - start
    if gates is not None:
        runs = project.summary.get("gates_modes", {})
        runs = {**runs, str(mode): {**runs.get(str(mode), {}), gates: figures}}
        project.record({"gates": figures, "gates_modes": runs}, {f"gates_{mode}_{gates}": seconds})
        return
    modes = {**project.summary.get("cosim_modes", {}), str(mode): figures}
    project.record({"cosim": figures, "cosim_modes": modes}, {f"cosim_{mode}": seconds})
    record_performance(project)


def _gates(project: Project, mode: Mode, board: str) -> Gates:
    """The netlist of the generated hardware, beside it."""
    chosen = built_for(board, "--gates")
    if chosen.family not in FAMILIES:
        raise UnsupportedError(
            f"cells must have simulation models: those of {' and '.join(FAMILIES)}",
            found=chosen.family,
            where=f"--gates {board}",
            action="choose another board; without --gates the Verilog is the same for all",
        )
    plan = hardware_plan(project, mode)
    check_fits(project.network, plan, chosen)
    check_verilog(project, mode)
    folder = project.generated(mode) / "gates"
    folder.mkdir(exist_ok=True)
    return map_gates(project.network, plan, chosen, folder / board)


def built_for(name: str, option: str) -> Board:
    """The board of that name; raises ConfigurationError where its pins are not known."""
    board = get_board(name)
    if board.name not in BOARDS:
        raise ConfigurationError(
            "a board that is built for must be one that spikewright boards lists, whose pins are"
            " known",
            found=f"{board.name!r} of a file",
            where=option,
            action="plan for it: spikewright plan, or explore",
        )
    return board


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
        ("network", "plan"),
        made_of,
        (project.network.content_hash, design_hash(project.network, plan)),
        strict=True,
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
