"""``spikewright readout``."""

from typing import Annotated

import typer

from spikewright.flow.cli.console import show_summary
from spikewright.flow.cli.options import ProjectFolder, one_of
from spikewright.golden.errors import ConfigurationError

__all__ = ["readout"]


def readout(
    folder: ProjectFolder,
    kind: Annotated[
        str,
        typer.Option(
            help="membrane at the end, count of spikes, first_spike, maximum of the membrane over "
            "the steps, or stream: the value in every step. count and first_spike need a last "
            "layer that fires, membrane and maximum one that does not."
        ),
    ],
    low_pass: Annotated[
        str | None,
        typer.Option(
            help="Bessel filter of a stream, as ORDER,CUTOFF: an even order, and the cut-off in "
            "units of half the step rate, as 4,0.05."
        ),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(min=2, max=30, help="Bits of the filter's coefficients.", show_default="14"),
    ] = None,
    fraction: Annotated[
        int, typer.Option(min=0, max=16, help="Bits of filtered values below the unit.")
    ] = 0,
    block: Annotated[
        int | None,
        typer.Option(min=2, help="Filter so many steps at a time forwards and then backwards."),
    ] = None,
) -> None:
    """Read a project's network in another way; its hardware must be generated again.

    The project itself is changed, and what was made of it is removed: take a copy
    of the folder to keep both. Every kind but membrane is a thing of steps: the
    network then has the mode stepwise only, and [bold]readout --kind membrane[/] does not
    bring the others back; [bold]convert[/] does.

    [bold]Examples[/]

      spikewright readout p --kind maximum

      spikewright readout p --kind stream --low-pass 4,0.05 --fraction 4 --block 32
    """
    from spikewright.flow.project import Project
    from spikewright.flow.readouts import with_readout
    from spikewright.golden.spec import ReadoutKind

    project = Project(folder)
    network = with_readout(
        project.network,
        one_of(ReadoutKind, kind, "--kind"),
        low_pass=None if low_pass is None else _order_and_cutoff(low_pass),
        shift=shift,
        fraction=fraction,
        block=block,
    )
    show_summary(project.replace_network(network).summary, "network")


def _order_and_cutoff(text: str) -> tuple[int, float]:
    order, comma, cutoff = text.partition(",")
    try:
        if not comma:
            raise ValueError(text)
        return int(order), float(cutoff)
    except ValueError as error:
        raise ConfigurationError(
            "must be an order and a cut-off, as 4,0.05", found=repr(text), where="--low-pass"
        ) from error
