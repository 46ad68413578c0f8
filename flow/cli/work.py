"""The commands that work in a project, but ``generate``: ``evaluate`` to ``build``."""

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
)
from spikewright.golden.errors import ConfigurationError

__all__ = ["build", "cosim", "evaluate", "export"]


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
    conversion, which also fire downwards, nor for its codes other than rate.

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
