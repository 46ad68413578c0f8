"""The command ``speed``."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, working

__all__ = ["speed"]


def speed(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for speed.json and speed.md.", show_default="only shown"),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Of each network.", show_default="some seconds' worth"),
    ] = None,
) -> None:
    """Measure golden model and co-simulation beside others that do the same.

    Two networks of leaky neurons, one small, one 784-128-10. The golden model
    beside the float simulations of snnTorch and SpikingJelly (each skipped
    where it is not installed), all output spikes equal; the co-simulation
    beside Verilator alone. Best on a machine that does nothing else.

    [bold]Example[/]

      spikewright speed --out build/speed
    """
    from spikewright.flow.files import atomic_files, write_json
    from spikewright.flow.speed import measure_speed, speed_table

    with ExitStack() as stack:
        # First, so that a folder that cannot be written is told before the work is done.
        made = None if out is None else stack.enter_context(atomic_files(out))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="spikewright-speed-"))
        figures = measure_speed(Path(folder), samples=samples, working=working)
        table = speed_table(figures)
        if made is not None:
            write_json(made / "speed.json", figures)
            (made / "speed.md").write_text(table, encoding="utf-8")
    say(table)
    if out is not None:
        say(f"Written: {out / 'speed.json'} and {out / 'speed.md'}")
