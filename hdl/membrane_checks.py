"""Plans whose membranes do not fit what a core does with them, refused by name."""

from spikewright.golden.errors import ConfigurationError

from .plan import CorePlan, MembraneStore, Rows, Sweeps

__all__ = ["check_membranes"]


def check_membranes(core: CorePlan) -> None:
    """Large RAMs have one port: a row that is added takes two cycles, and so does a decision.

    Raises
    ------
    ConfigurationError
        If a core with membranes there has sparse rows, decides while rows are added, or sweeps only
        what was touched.
    """
    if core.membranes is not MembraneStore.SPRAM:
        return
    for holds, must, found in (
        (core.rows is Rows.DENSE, "have dense rows", f"{core.rows} ones"),
        (
            core.sweep_lanes is None,
            "let neurons decide when its rows are added",
            f"{core.sweep_lanes} sweep lanes",
        ),
        (core.sweeps is Sweeps.ALL, "sweep all groups", f"sweeps {core.sweeps}"),
    ):
        if not holds:
            raise ConfigurationError(
                f"a core with membranes in large RAMs, of one port, must {must}",
                found=found,
                where=core.where,
                action=f"give it membranes in {MembraneStore.BLOCK}",
            )
