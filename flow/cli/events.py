"""``spikewright events``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, show_summary

__all__ = ["events"]


def events(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Recordings: .npy, or .npz with one or more, each a structured array with the "
            "fields x, t (microseconds) and, where the sensor has them, y and p.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="npz to write: x [N, steps, ...], and y [N].")],
    width: Annotated[int, typer.Option(help="Of the sensor: x lies in 0..width - 1.")],
    height: Annotated[int, typer.Option(help="y lies in 0..height - 1; 1 for an ear.")] = 1,
    polarities: Annotated[
        int, typer.Option(help="Values of p, from 0; with 1 they share an address.")
    ] = 1,
    step_us: Annotated[
        float | None,
        typer.Option(
            help="Microseconds a step, from the first event on.",
            show_default="the recording in --steps equal ones",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Steps of a sample.", show_default="as the longest needs"),
    ] = None,
    order: Annotated[
        str, typer.Option(help="Axes of a step, slowest first, as in pyx.", show_default="pyx")
    ] = "",
    downsample: Annotated[
        int, typer.Option(help="So many neighbours along y and x become one address.")
    ] = 1,
    level: Annotated[
        int, typer.Option(help="Most events of one address in a step; 1 makes samples binary.")
    ] = 1,
    most_per_step: Annotated[
        int | None,
        typer.Option(help="Most events of a step; later ones are dropped.", show_default="any"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help=".npy of integers, one a recording, in their order.")
    ] = None,
) -> None:
    """Make samples of recordings of events, as tonic and event cameras have them.

    Says how many events were merged, clipped or dropped, and how many recordings
    are empty. The samples go into convert, evaluate, cosim and build.

    [bold]Examples[/]

      spikewright events a.npy b.npy --width 34 --height 34 --polarities 2
        --step-us 5000 --steps 60 --out samples.npz

      spikewright events ear.npz --width 700 --steps 100 --level 3
        --labels digits.npy --out samples.npz
    """
    from spikewright.flow.events import Binning
    from spikewright.flow.recordings import samples_of

    binning = Binning(
        width=width,
        height=height,
        polarities=polarities,
        step_us=step_us,
        steps=steps,
        order=order,
        downsample=downsample,
        level=level,
        most_per_step=most_per_step,
    )
    samples, count = samples_of(recordings, binning, out, labels=labels)
    show_summary({"events": count.as_dict() | {"samples": list(samples.x.shape)}}, "events")
    say(f"\nSamples are in {out}")
