"""``spikewright explore``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import ERR, OUT, say, working
from spikewright.flow.cli.options import Data, ProjectFolder, integers, one_of
from spikewright.golden.errors import ConfigurationError

if TYPE_CHECKING:
    from spikewright.flow.explore.stage import Explored

__all__ = ["explore"]

_INTERRUPTED = 130  # as a shell has it


def explore(
    folder: ProjectFolder,
    out: Annotated[
        Path,
        typer.Option(help="Folder of the study; one that is there already goes on."),
    ],
    trials: Annotated[
        int,
        typer.Option(
            min=1,
            help="Points to try in all, those of earlier runs too. Where there are no more "
            "choices than that, all are tried.",
        ),
    ] = 40,
    boards: Annotated[
        str, typer.Option(help="As spikewright boards names them.")
    ] = "icebreaker,ulx3s-85f",
    weight_bits: Annotated[str, typer.Option(help="Bits of a weight, 2 to 8.")] = "3,4,6",
    levels: Annotated[str, typer.Option(help="Most spikes of a hidden neuron.")] = "1,3,7,15",
    modes: Annotated[
        str, typer.Option(help="How the hardware runs.")
    ] = "stepwise,settle,collapsed",
    steps: Annotated[
        str | None, typer.Option(help="T of stepwise points.", show_default="2,4,8")
    ] = None,
    lanes: Annotated[
        str, typer.Option(help="Neurons that a core updates in a cycle, at most.")
    ] = "8,16,32,64,128",
    costs: Annotated[
        str,
        typer.Option(
            help="What is to be little: time (between two samples), latency, area (LUTs), memory "
            "(block RAMs). The planner makes each choice's hardware for the first of them."
        ),
    ] = "time,area",
    data: Data = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="npz with x [N, ...] to calibrate on, and labels y [N] to train on.",
            show_default="what the project keeps",
        ),
    ] = None,
    qat_epochs: Annotated[
        int,
        typer.Option(
            min=0,
            help="Epochs of quantisation-aware training of each network; needs --calibrate with "
            "labels. Few bits and levels need it.",
        ),
    ] = 0,
    learning_rate: Annotated[float, typer.Option(help="Of that training.")] = 2e-3,
    input_levels: Annotated[
        int | None,
        typer.Option(min=1, help="Largest level of an input.", show_default="the project's"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Dask scheduler, as tcp://host:port; it and its workers must have spikewright. "
            "What they send is run unchecked: take one that you trust.",
            show_default="a cluster on this machine",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds in which it must answer and have a worker.")
    ] = 10.0,
    local_fallback: Annotated[
        bool,
        typer.Option(
            "--local-fallback", help="Take this machine where the scheduler does not answer."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Of a cluster on this machine.", show_default="one a core"),
    ] = None,
    trial_timeout: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Seconds that a trial may take once a worker is at it; one that takes longer is "
            "cancelled, and tried again by the next run.",
            show_default="as long as it likes",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search and of training.")] = 0,
) -> None:
    """Search for the networks and plans that no other beats in accuracy, time and area.

    Takes the project's network in floating point, quantises it to so many bits and
    levels, measures the accuracy with the golden model, and works out cycles, clock
    and area of the hardware without building it; cycles are near exact, clock and
    area are estimates. Optuna chooses what to try next from what was found; Dask
    runs trials side by side.

    In OUT/points, replaced as a whole: front.png, points.csv and points.json, which
    say everything of every point; NUMBER, a project with its plan.json for each point
    of the front. A folder that you worked in is kept beside it, as OUT/points-1.

    In OUT, study.journal, with which the same command goes on where it ended, or where
    Ctrl-C ended it. A worker that dies takes nothing away: what it was at is tried
    again. Where a machine fails for good, by a full disk or too little memory, the next
    run tries the point again.

    Accuracies are measured on the samples that points are chosen by: measure the one
    that you take on others.

    [bold]Examples[/]

      spikewright explore p --out e

      spikewright explore p --out e --boards ulx3s-85f --modes collapsed
        --weight-bits 2,3,4 --levels 1,3,7 --trials 100 --calibrate train.npz
        --qat-epochs 10 --data test.npz

      spikewright explore p --out e --scheduler tcp://big:8786

    What to do with a point, in a copy, since the next run writes e/points anew:

      cp -r e/points/0007 q

      spikewright generate q --plan q/plan.json

      spikewright cosim q
    """
    from spikewright.flow.convert import TrainConfig
    from spikewright.flow.explore.front import Cost
    from spikewright.flow.explore.space import Space
    from spikewright.flow.explore.stage import Stopped, Where, explore_stage
    from spikewright.flow.project import Project
    from spikewright.flow.samples import load_samples
    from spikewright.golden.spec import Mode

    if scheduler is None and local_fallback:
        raise ConfigurationError(
            "--local-fallback must come with --scheduler", found="this machine anyway"
        )
    if scheduler is not None and workers is not None:
        raise ConfigurationError(
            "--workers must be left out with --scheduler, which has its own", found=str(workers)
        )
    chosen = tuple(one_of(Mode, each, "--modes") for each in modes.split(","))
    default_steps = "2,4,8" if Mode.STEPWISE in chosen else None
    given = steps or default_steps
    space = Space(
        weight_bits=integers(weight_bits, "--weight-bits"),
        levels=integers(levels, "--levels"),
        modes=chosen,
        steps=() if given is None else integers(given, "--steps"),
        lanes=integers(lanes, "--lanes"),
        boards=tuple(boards.split(",")),
    )
    try:
        found = explore_stage(
            Project(folder),
            out,
            space,
            costs=tuple(one_of(Cost, each, "--costs") for each in costs.split(",")),
            trials=trials,
            calibration=None if calibrate is None else load_samples(calibrate),
            held_out=None if data is None else load_samples(data),
            input_levels=input_levels,
            training=TrainConfig(epochs=qat_epochs, learning_rate=learning_rate)
            if qat_epochs
            else None,
            seed=seed,
            where=Where(
                scheduler=scheduler,
                workers=workers,
                timeout_s=timeout,
                local_fallback=local_fallback,
                trial_timeout_s=trial_timeout,
            ),
            working=working,
        )
    except Stopped as stopped:
        say(f"stopped: {stopped}; the same command goes on", to=ERR)
        raise typer.Exit(_INTERRUPTED) from stopped
    _show(found)
    say(f"\nAll of it is in {out / 'points'}")


def _show(explored: "Explored") -> None:
    """The front, and how much else there was."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("point", "accuracy", "us", "cycles", "of bound", "LUTs", "RAMs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what")
    for each in explored.best:
        figures = each.figures
        table.add_row(
            f"{each.number:04d}",
            f"{100 * each.accuracy:.2f} %",
            f"{figures['sample_us']:,.2f}",
            f"{figures['cycles']:,.0f}",
            f"{figures['efficiency']:.2f}",
            f"{figures['luts']:,}",
            f"{figures['block_rams']:,}",
            str(each.point),
        )
    OUT.print(table)
    say(f"{len(explored.found)} points tried, {len(explored.best)} of them on the front")
    if explored.refused:
        say(f"{explored.refused} more cannot be, such as: {explored.why}")
    if explored.failed:
        say(
            f"{explored.failed} more could not be measured, such as: {explored.failure}. The same "
            "command tries them again"
        )
