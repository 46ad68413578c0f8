"""The plans that no other beats, as a plot."""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from spikewright.flow.files import write_bytes
from spikewright.flow.plot_file import check_plot

from .candidate import Planned

__all__ = ["draw_front"]


def draw_front(planned: Planned, path: Path, *, title: str) -> None:
    """Draw frames a second over lookup tables; block RAMs are numbers beside the points.

    Raises as ``check_plot``.
    """
    check_plot(path)
    with mpl.rc_context({"svg.hashsalt": "spikewright"}):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        luts = [each.area.luts for each in planned.front]
        speeds = [each.frames_per_s for each in planned.front]
        # The line leaves block RAMs aside.
        few = sorted(luts)
        reached = [max(v for n, v in zip(luts, speeds, strict=True) if n <= most) for most in few]
        axes.step(few, reached, where="post", color="tab:blue", alpha=0.4)
        axes.plot(luts, speeds, "o", color="tab:blue", label="no plan beats it")
        chosen = planned.chosen
        axes.plot(
            chosen.area.luts, chosen.frames_per_s, "*", ms=16, color="tab:red", label="chosen"
        )
        for each in planned.front:
            axes.annotate(
                str(each.area.block_rams),
                (each.area.luts, each.frames_per_s),
                textcoords="offset points",
                xytext=(5, -10),
                fontsize=7,
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="lookup tables (estimated); block RAMs beside the points",
            ylabel="frames/s (estimated)",
            title=title,
        )
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(axis="x", which="both", labelsize=7, rotation=30)
        axes.grid(which="both", alpha=0.2)
        axes.legend()
        content = io.BytesIO()
        figure.savefig(content, format=path.suffix[1:], dpi=150)
        write_bytes(path, content.getvalue())
