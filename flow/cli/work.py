"""The commands that work in a project: ``evaluate`` to ``build``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, show_summary, working
from spikewright.flow.cli.options import (
    Data,
    ModeName,
    ProjectFolder,
    check_steps,
    integers,
    one_of,
    pairs,
)
from spikewright.golden.errors import ConfigurationError

__all__ = ["build", "cosim", "evaluate", "export", "generate"]


def evaluate(
    folder: ProjectFolder,
    data: Data = None,
    steps: Annotated[
        str | None,
        typer.Option(help="The T of the stepwise runs.", show_default="1,2,4,8, or the code's own"),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples at a time.")] = 1000,
) -> None:
    """Measure accuracy: float, quantised, stepwise at each T, settle and collapsed.

    Without --data on the samples that the project keeps, which are those that convert
    was given to calibrate on: accuracy on samples that nobody has seen may be less.

    [bold]Example[/]

      spikewright evaluate p --data test.npz --steps 1,2,4,8,16
    """
    from spikewright.flow.project import Project
    from spikewright.flow.stages import evaluate_stage, usual_steps

    project = Project(folder)
    samples = project.load(data)
    given = None if steps is None else integers(steps, "--steps")
    check_steps(project.network, given, project.network.modes)
    wanted = given or usual_steps(project.network, (1, 2, 4, 8))
    evaluate_stage(project, samples, steps=wanted, batch=batch, working=working)
    show_summary(project.summary, "network", "accuracy")
    if data is None:
        say(
            f"On the {len(samples):,} samples that the project keeps: convert keeps those of "
            "--calibrate. Give --data for others."
        )


def export(
    folder: ProjectFolder,
    out: Annotated[Path, typer.Option(help="FILE.nir; its discretisation is FILE.json beside it.")],
) -> None:
    """Write the integer network as NIR, for other frameworks.

    What came from a NIR file or a spiking module can go out, and what else fires
    upwards only. NIR has no primitive for the ternary neurons of a plain module's
    conversion, which also fire downwards, nor for its one-hot and first-spike codes.

    A leak goes out without its rounding, which NIR does not know.

    [bold]Example[/]

      spikewright export p --out net.nir
    """
    from spikewright.flow.nir.write import write_graph
    from spikewright.flow.project import Project

    if out.suffix != ".nir":
        raise ConfigurationError("the file's name must end in .nir", found=out.name, where="--out")
    write_graph(Project(folder).network, out)
    say(f"Written: {out} and {out.with_suffix('.json')}")


def generate(
    folder: ProjectFolder,
    mode: Annotated[
        str | None,
        typer.Option(
            help="What the hardware runs: stepwise, settle or collapsed.",
            show_default="collapsed, or else the last that the network has",
        ),
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Neurons that a core updates in a cycle, at most: one number, or one for each "
            "population in order, as in 144,16; a pooling of its own is one too.",
            show_default="16",
        ),
    ] = None,
    banks: Annotated[
        str | None,
        typer.Option(
            help="How many rows and columns of neurons those lanes span, as 3x3, at most those "
            "that a population has: once, or once for each. There must be --lanes for them all; "
            "the other factor of lanes is channels.",
            show_default="as takes the fewest cycles",
        ),
    ] = None,
    sweep_lanes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Neurons that decide in a cycle, a power of two, while the next step's rows go "
            "on, where a core has a lane for each neuron: fewer lookup tables, no cycle idle.",
            show_default="all lanes of a group, and rows wait",
        ),
    ] = None,
    spikes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Spikes that a core takes in a cycle, a power of two, where one dense connection "
            "brings them: its weights get as many read ports. More than one needs --sweep-lanes.",
            show_default="1",
        ),
    ] = None,
    sweeps: Annotated[
        str | None,
        typer.Option(
            help="Which neurons are asked at a step's end: all, or touched: the groups that a "
            "spike has reached, where the others would decide nothing (maps in banks).",
            show_default="all",
        ),
    ] = None,
    membranes: Annotated[
        str | None,
        typer.Option(
            help="Where membranes live: registers, lutram, block, or spram: the large RAMs of an "
            "iCE40UP5K, for cores with more than {large_bits} bits of them; a row then takes two "
            "cycles. Cores of up to 4 words keep them in registers where block or spram is asked "
            "for. An iCE40 has no LUT RAM.",
            show_default="registers up to 4 words, LUT RAM up to 64, block RAM beyond",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="How weights lie in rows: dense, or sparse, which leaves out those that are 0, in "
            "the cores where that is cheaper; see spikewright break-even.",
            show_default="dense",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Where weights live: logic, block, or spram: the large RAMs of an iCE40UP5K, for "
            "cores with more than {large_bits} bits of them; an image is written that is loaded "
            "after reset.",
            show_default="logic up to 32 rows, block RAM beyond",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="Where thresholds and the like live that differ between groups of lanes: memory "
            "(logic up to 16 groups), constants (always logic), or registers, which cost a "
            "flip-flop a bit and take them off the way on which neurons decide.",
            show_default="registers with sweep lanes or weights in large RAMs, else memory",
        ),
    ] = None,
    queue_depth: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Tokens that every spike queue holds: fewer take less room, and more cycles.",
            show_default="as many as keep the cores busy",
        ),
    ] = None,
    fanout: Annotated[
        int | None,
        typer.Option(
            help="Pins that a flip-flop (on an ECP5 also a lookup table) reaches at most, "
            "{least_fanout} or more: past these there are several, each near its own. Wires from "
            "block RAM get cycles of their own. For cores of many lanes.",
            show_default="any number",
        ),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(
            help="What multiplies weights by graded payloads: multiplier (DSP blocks where the "
            "device has them), or serial: the lanes' adders, a cycle for each bit that is set.",
            show_default="multiplier",
        ),
    ] = None,
    encoders: Annotated[
        bool,
        typer.Option(
            "--encoders",
            help="Inputs take frames of values; hardware makes their spikes (stepwise).",
        ),
    ] = False,
    guard: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Inputs of events never wait: tokens held for each. Spikes that find no room are "
            "dropped and counted; STEP and END are kept.",
            show_default="they wait",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A plan.json instead of all of these."),
    ] = None,
    loadable: Annotated[
        bool,
        typer.Option(
            "--loadable",
            help="Weights, thresholds, biases and initial states live in memories that are filled "
            "while the hardware runs: with any network of this shape whose numbers fit. See "
            "spikewright load.",
        ),
    ] = False,
    headroom: Annotated[
        int | None,
        typer.Option(
            help="Bits that registers and parameters get beyond those that this network needs, "
            "for others that need more: 0 to {most_headroom}. With --loadable.",
            show_default="1",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="PROJECT",
            help="This network for the bitstream of another project, which was generated with "
            "--loadable: its plan, and an image to load.",
        ),
    ] = None,
    interface: Annotated[
        str,
        typer.Option(
            help="What the block in DIR/generated/MODE/ip is joined to a system by: stream (valid, "
            "ready and payload of each token), axi-stream (AXI4-Stream, with registers on "
            "AXI4-Lite), or wishbone (B4 classic: tokens, too, go through registers)."
        ),
    ] = "stream",
) -> None:
    """Write the Verilog, its plan and its manifest into DIR/generated/MODE, and in its folder ip
    all that another system needs: that Verilog behind an interface, a testbench that
    checks itself with a sample, a FuseSoC core, the registers as text and C header, and
    for wishbone an example for LiteX. docs/ip.md says how to use it.

    A core applies a row of weights a cycle. For a convolution of 3x3, 9 lanes in
    banks of 3x3 update all taps of a spike at once; 144 do so for 16 channels.

    plan.json of a generated folder is a plan to start from. Its cores have
    "hosts": several populations share a core that lists them all, and one is split
    over cores that give "channels" [first, last). "queue_depths" may be left out.

    [bold]Examples[/]

      spikewright generate p --mode settle --lanes 16,4

      spikewright generate p --lanes 144,72,10 --banks 3x3

      spikewright generate p --lanes 4 --membranes block   # for the iCEBreaker

      spikewright generate p --lanes 16,10 --rows sparse
      spikewright generate p --lanes 16,2 --membranes block --weights spram
      spikewright generate p --lanes 4 --membranes spram   # large maps

      spikewright generate p --plan plan.json

      spikewright generate p --lanes 16 --sweep-lanes 4 --loadable
      spikewright generate q --like p   # then: spikewright load q --port PORT

      spikewright generate p --interface wishbone
    """
    from spikewright.flow.chosen_plan import check_taken, plan_like, plan_of_file, usual_mode
    from spikewright.flow.ip import Interface
    from spikewright.flow.plan import default_plan
    from spikewright.flow.project import Project
    from spikewright.flow.stages import generate_stage
    from spikewright.golden.spec import Mode
    from spikewright.hdl.make_envelope import with_envelope
    from spikewright.hdl.plan import (
        MembraneStore,
        ParameterStore,
        Products,
        Rows,
        Sweeps,
        WeightStore,
    )

    given = {
        "--mode": mode,
        "--lanes": lanes,
        "--banks": banks,
        "--sweep-lanes": sweep_lanes,
        "--spikes": spikes,
        "--sweeps": sweeps,
        "--membranes": membranes,
        "--rows": rows,
        "--weights": weights,
        "--parameters": parameters,
        "--queue-depth": queue_depth,
        "--fanout": fanout,
        "--products": products,
        "--guard": guard,
    }
    beside = [name for name, value in given.items() if value is not None]
    beside += ["--encoders"] * encoders
    if plan is not None and beside:
        raise ConfigurationError(
            "--plan says all of it and must be given alone", found=", ".join(beside)
        )
    beside += ["--plan"] * (plan is not None) + ["--loadable"] * loadable
    beside += ["--headroom"] * (headroom is not None)
    if like is not None and beside:
        raise ConfigurationError(
            "--like says all of it and must be given alone", found=", ".join(beside)
        )
    if headroom is not None and not loadable:
        raise ConfigurationError(
            "headroom must come with --loadable", found="none", where="--headroom"
        )
    if (spikes or 1) > 1 and sweep_lanes is None:
        raise ConfigurationError(
            "several spikes a cycle must come with --sweep-lanes",
            found="none",
            where="--spikes",
            action="give --sweep-lanes N, or let it take one spike a cycle",
        )
    joined_by = one_of(Interface, interface, "--interface")
    project = Project(folder)
    network = project.network
    from_file = None
    if like is not None:
        from_file = plan_like(network, like)
    elif plan is not None:
        from_file = plan_of_file(network, plan)
    if from_file is not None:
        if loadable:
            from_file = with_envelope(network, from_file, headroom=headroom)
        generate_stage(project, from_file, interface=joined_by, working=working)
        show_summary(project.summary, "network", "hardware")
        if like is not None:
            say(f"For the bitstream of {like}: spikewright load {folder} --port PORT")
        return
    asked_sweeps = one_of(Sweeps, sweeps or Sweeps.ALL, "--sweeps")
    chosen = default_plan(
        network,
        usual_mode(network) if mode is None else one_of(Mode, mode, "--mode"),
        lanes=None if lanes is None else integers(lanes, "--lanes"),
        banks=None if banks is None else pairs(banks, "--banks"),
        sweep_lanes=sweep_lanes,
        spikes=spikes or 1,
        sweeps=asked_sweeps,
        membranes=None if membranes is None else one_of(MembraneStore, membranes, "--membranes"),
        rows=one_of(Rows, rows or Rows.DENSE, "--rows"),
        weights=None if weights is None else one_of(WeightStore, weights, "--weights"),
        parameters=None
        if parameters is None
        else one_of(ParameterStore, parameters, "--parameters"),
        queue_depth=queue_depth,
        fanout=fanout,
        products=one_of(Products, products or Products.MULTIPLIER, "--products"),
        encoders=encoders,
        guard=guard,
    )
    check_taken(network, chosen, sweep_lanes, asked_sweeps)
    if loadable:
        chosen = with_envelope(network, chosen, headroom=headroom)
    generate_stage(project, chosen, interface=joined_by, working=working)
    show_summary(project.summary, "network", "hardware")


def cosim(
    folder: ProjectFolder,
    mode: ModeName = None,
    simulator: Annotated[str, typer.Option(help="verilator, or icarus (slower).")] = "verilator",
    data: Data = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many.", show_default="all")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="T of a stepwise run; other modes take what they need.",
            show_default="8, or the code's own",
        ),
    ] = None,
    reset_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Samples that follow each other without a reset, as a stream. Sequences, samples "
            "of several frames, are such streams by themselves.",
            show_default="1",
        ),
    ] = None,
    stall_input: Annotated[
        str | None,
        typer.Option(
            help="Cycles in which the input waits, as 0010: repeated, 1 waits. Several inputs may "
            "have one each, as 01,001."
        ),
    ] = None,
    stall_output: Annotated[
        str | None, typer.Option(help="Cycles in which the output is not taken, as 0010.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes side by side, each with a share of the samples.",
            show_default="one for each core that there is work for",
        ),
    ] = None,
    gates: Annotated[
        str | None,
        typer.Option(
            metavar="BOARD",
            help="Simulate the netlist that synthesis for this board makes of it, with models of "
            "the device's cells: any board with an iCE40 or an ECP5.",
            show_default="the Verilog",
        ),
    ] = None,
) -> None:
    """Simulate the Verilog and compare every spike with the golden model.

    Neuron, payload and step of every spike of every population, the readout
    and the counters; the first difference ends it.

    With --gates the same comparison is of lookup tables, flip-flops and RAMs of
    a device, as bitstreams are made of them: that synthesis has changed nothing.
    It is some tens of times slower.

    [bold]Examples[/]

      spikewright cosim p --samples 100

      spikewright cosim p --gates ulx3s-85f --samples 20

      spikewright cosim p --simulator icarus --samples 5 --stall-input 01
    """
    from spikewright.flow.project import Project
    from spikewright.flow.stages import cosim_stage, usual_steps
    from spikewright.golden.spec import Mode

    project = Project(folder)
    chosen = project.main_mode(None if mode is None else one_of(Mode, mode, "--mode"))
    check_steps(project.network, steps, (chosen,))
    cosim_stage(
        project,
        chosen,
        project.load(data).first(samples),
        steps=steps or usual_steps(project.network, (8,))[0],
        reset_every=reset_every,
        simulator=simulator,
        stall_input=stall_input,
        stall_output=stall_output,
        jobs=jobs,
        gates=gates,
        working=working,
    )
    if gates is not None:
        show_summary(project.summary, "network", "gates")
        return
    # Performance is of a run that nobody made to wait, in the mode of the build if there is one.
    summary = project.summary
    same = summary.get("performance", {}).get("mode") == chosen
    sections = ["performance"] if same and not summary["cosim"]["stalled"] else []
    show_summary(summary, "network", "cosim", *sections)


def build(
    folder: ProjectFolder,
    board: Annotated[str, typer.Option(help="As spikewright boards names it.")],
    mode: ModeName = None,
    link: Annotated[
        str | None,
        typer.Option(
            "--link",
            metavar="[usual|uart|spi]",
            help="For spikewright run: samples come over a line, by default the board's usual one.",
            show_default="none",
        ),
    ] = None,
    clock: Annotated[
        float | None, typer.Option(help="MHz to aim at.", show_default="the board's")
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(
            help="Of place and route, as 1,2,3: one run for each; bitstream and figures are those "
            "of the median Fmax."
        ),
    ] = "1",
    sample: Annotated[
        int, typer.Option(min=0, help="Which of the project's samples the board tests itself with.")
    ] = 0,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="T of that sample in a stepwise run.", show_default="8, or the code's own"
        ),
    ] = None,
) -> None:
    """Make a bitstream: one that works on a stored sample, judges every token that comes out and
    shows the label on the LEDs; or, with --link, one that a host gives samples.

    Written into DIR/build/BOARD (or BOARD-link) with utilisation, timing and the
    tools' logs.

    [bold]Examples[/]

      spikewright build p --board icebreaker

      spikewright build p --board icebreaker --link

      spikewright build p --board icebreaker --link spi

      spikewright build p --board ulx3s-85f --clock 120 --seeds 1,2,3
    """
    from spikewright.flow.build_stage import build_stage
    from spikewright.flow.project import Project
    from spikewright.flow.stages import usual_steps
    from spikewright.golden.spec import Mode

    project = Project(folder)
    chosen = project.main_mode(None if mode is None else one_of(Mode, mode, "--mode"))
    check_steps(project.network, steps, (chosen,))
    build_stage(
        project,
        chosen,
        board,
        link=link,
        clock_mhz=clock,
        seeds=integers(seeds, "--seeds"),
        sample=sample,
        steps=steps or usual_steps(project.network, (8,))[0],
        working=working,
    )
    sections = ("build", "performance") if link is None else ("link",)
    show_summary(project.summary, "network", *sections)
