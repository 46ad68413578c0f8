"""The command ``methods``: the ways from a trained network to a spiking one."""

from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import OUT, say

if TYPE_CHECKING:
    from spikewright.flow.convert import Method

__all__ = ["methods"]


def methods(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Of a method, for all of it.", show_default="all"),
    ] = None,
) -> None:
    """List the conversion methods that convert and compare take: what trains, and what is exact.

    Trains: whether it has a training of the quantised network (--qat-epochs).
    Tunes: what trains on with spikes (--tune-epochs). Levels: of a hidden
    neuron, or the steps where the input comes in each, unless --levels says
    otherwise. Exact: the modes that give the quantised network's numbers
    bit for bit; a rate only comes near them.

    With a name also its source, its equations, and what of them could be
    confirmed.

    [bold]Examples[/]

      spikewright methods

      spikewright methods fast-snn
    """
    from spikewright.flow.convert import METHODS, method_named

    if name is None:
        _show_all(list(METHODS.values()))
    else:
        _show_one(method_named(name))


def _show_all(all_: "list[Method]") -> None:
    from rich.table import Table

    from spikewright.flow.method_table import exact, levels, trains, tunes

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("method", style="bold", no_wrap=True)
    for title in ("trains", "tunes", "levels", "exact"):
        table.add_column(title, no_wrap=True)
    table.add_column("what it is")
    for each in all_:
        table.add_row(each.name, trains(each), tunes(each), levels(each), exact(each), each.title)
    OUT.print(table)


def _show_one(method: "Method") -> None:
    from rich.table import Table

    from spikewright.flow.method_table import exact, levels, page, trains, tunes

    rows = [
        ("method", method.title),
        ("source", method.source),
        ("trains", trains(method)),
        ("tunes", tunes(method)),
        ("levels", levels(method)),
        ("modes", ", ".join(method.modes)),
        ("exact", exact(method)),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
    say("")
    OUT.print(page(method), markup=False, highlight=False, soft_wrap=True)
