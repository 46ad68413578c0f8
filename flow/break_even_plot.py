"""Draws rows, cycles and memory of sparse rows over the density of the weights."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from spikewright.flow.break_even import CoreBreakEven, Cost
from spikewright.flow.files import write_bytes
from spikewright.flow.plot_file import check_plot

__all__ = ["plot_break_even"]

_MEASURES = {"rows": "rows a sample", "cycles": "cycles a sample", "bits": "bits stored"}


def plot_break_even(cores: Sequence[CoreBreakEven], path: Path) -> None:
    """A line of panels for each core: dense, sparse and balanced, sparse and scattered, and now.

    Raises as ``check_plot``.
    """
    check_plot(path)
    figure = Figure(figsize=(11, 3.2 * len(cores)), layout="constrained")
    panels = figure.subplots(len(cores), len(_MEASURES), squeeze=False)
    for core, line in zip(cores, panels, strict=True):
        densities = [point.density for point in core.points]
        for (measure, title), axes in zip(_MEASURES.items(), line, strict=True):

            def of(cost: Cost, measure: str = measure) -> float:
                return float(getattr(cost, measure))

            axes.axhline(of(core.dense), color="0.4", label="dense")
            axes.plot(densities, [of(p.balanced) for p in core.points], "o-", label="balanced")
            axes.plot(densities, [of(p.scattered) for p in core.points], "s--", label="scattered")
            axes.plot([core.density], [of(core.now)], "k*", markersize=12, label="now")
            axes.set(title=f"{core.name}: {title}", xlabel="share of weights", ylim=(0, None))
            axes.grid(alpha=0.3)
        line[0].legend()
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:])
    write_bytes(path, content.getvalue())
