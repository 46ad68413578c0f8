"""What a comparison says of a method, as plain data."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Compared", "Run"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A network in a mode; ``steps`` T of a stepwise run, else None.

    ``classification_accuracy`` a fraction; ``spikes_per_neuron`` of hidden neurons, a sample;
    ``effective_macs``, ``effective_acs``, ``dense`` and ``activation_sparsity`` as NeuroBench has
    them; ``bit_operations`` and ``bit_budget`` as in ``metrics``.
    """

    mode: str
    steps: int | None
    classification_accuracy: float
    spikes_per_neuron: float
    effective_macs: float
    effective_acs: float
    dense: float
    activation_sparsity: float
    bit_operations: float
    bit_budget: int | None

    @property
    def synops(self) -> float:
        """Effective synaptic operations of a sample."""
        return self.effective_macs + self.effective_acs

    @property
    def name(self) -> str:
        """Mode, and T."""
        return self.mode if self.steps is None else f"T = {self.steps}"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A method on a network.

    ``runs`` : in every mode, stepwise for each T. ``chosen`` : of which ``hardware`` was estimated,
    an index. ``hardware`` : board, cycles, bound, efficiency, LUTs, block RAMs, clock, and what it
    is short of. ``float_accuracy`` : of the network that was converted. ``refused`` : why the
    method cannot serve it; then there are no runs.
    """

    method: str
    levels: int | None = None
    weight_bits: int | None = None
    epochs: int = 0
    tune_epochs: int = 0
    seconds: float = 0.0
    float_accuracy: float | None = None
    static: dict[str, float] | None = None
    runs: tuple[Run, ...] = ()
    chosen: int = 0
    hardware: dict[str, Any] | None = None
    network_hash: str | None = None
    refused: str | None = None

    @property
    def best(self) -> Run | None:
        """The run that was chosen; None of a method that was refused."""
        return self.runs[self.chosen] if self.runs else None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Compared":
        """What ``as_dict`` gave; raises TypeError or KeyError for anything else."""
        return cls(**{**data, "runs": tuple(Run(**each) for each in data["runs"])})
