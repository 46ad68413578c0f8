"""Plans whose compressed rows do not fit what a core hosts, refused by name."""

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Connection, Dense, Network

from .plan import CorePlan, MembraneStore, Rows, Sweeps, WeightStore

__all__ = ["check_rows"]


def check_rows(network: Network, core: CorePlan) -> None:
    """Sparse rows follow from the weights of one dense connection.

    Membranes may live in any store of two ports: each of them reads, adds and writes a row a cycle,
    whether or not two rows in turn hit the same place. Sums that are added to while neurons decide
    cannot live in block RAM, which is read too slowly for that.

    Raises
    ------
    ConfigurationError
        If the core has sparse rows and hosts several populations, hears several connections, one
        that is not dense or has a delay, sweeps what was touched, takes several spikes a cycle, has
        weights to be loaded, or decides meanwhile with membranes in block RAM.
    """
    if core.rows is Rows.DENSE:
        return
    heard = [each for host in core.hosts for each in network.sources(host.population)]
    for holds, must, found in (
        (len(core.hosts) == 1, "host one population", f"{len(core.hosts)} of them"),
        (
            len(heard) == 1 and isinstance(heard[0].operator, Dense) and not heard[0].delay,
            "have one connection, dense and without delay",
            ", ".join(map(_named, heard)),
        ),
        (
            core.sweep_lanes is None or core.membranes is not MembraneStore.BLOCK,
            "keep what it adds to in registers or LUT RAM while neurons decide (sweep_lanes)",
            f"membranes in {core.membranes}",
        ),
        (core.sweeps is Sweeps.ALL, "sweep all groups", f"sweeps {core.sweeps}"),
        (
            core.weights is not WeightStore.SPRAM,
            "have weights in block RAM or logic",
            str(core.weights),
        ),
        (core.spikes == 1, "take one spike a cycle", str(core.spikes)),
    ):
        if not holds:
            raise ConfigurationError(
                f"a core with sparse rows must {must}",
                found=found,
                where=core.where,
                action="give it dense rows",
            )


def _named(connection: Connection) -> str:
    kind = type(connection.operator).__name__.lower()
    return f"{kind} from {connection.source!r}" + (" with a delay" if connection.delay else "")
