"""The integer network: populations that share one soma, joined by connections.

All numbers are integers. Shapes are given without the batch; ``n`` is the number of neurons of a
population, ``channels`` its first dimension. A parameter vector has 1, ``channels`` or ``n``
entries and applies per population, per channel or per neuron.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec.intervals import Analysis, analyse_whole
from spikewright.golden.spec.normalise import choice, integer, member, put, text
from spikewright.golden.spec.parts import Connection, Encoding, Input, Mode, Population, Readout
from spikewright.golden.spec.structure import (
    content_hash,
    skeleton_differences,
    skeleton_hash,
)
from spikewright.golden.spec.validate import ordered, validate

__all__ = ["Network"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """The contract between conversion, golden model and hardware.

    ``modes`` lists the ways it may be run (checked); ``max_steps`` is the largest T of ``stepwise``
    and of the input in the other modes, up to which every width is proven. ``provenance`` says
    where it came from; it is stored but is not part of the content hash. Where samples end with
    KEEP, ``max_steps`` counts the steps since the state was last reset. ``analyses`` holds the
    proven intervals by mode; ``analyse`` is the way to read them.
    """

    name: str
    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    readout: Readout
    modes: tuple[Mode, ...]
    max_steps: int
    provenance: Mapping[str, str] = field(default_factory=dict)
    analyses: Mapping[Mode, Analysis] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = {"inputs": Input, "populations": Population, "connections": Connection}
        for name, kind in parts.items():
            values = tuple(getattr(self, name))
            for value in values:
                member(value, kind, f"each entry of {name}", "network")
            put(self, **{name: values})
        member(self.readout, Readout, "readout", "network")
        provenance = {
            text(key, "each key of provenance"): text(value, f"provenance of {key!r}")
            for key, value in self.provenance.items()
        }
        put(
            self,
            name=text(self.name, "name", "network"),
            modes=tuple(choice(Mode, mode, "each mode", "network") for mode in self.modes),
            max_steps=integer(self.max_steps, "max_steps", "network"),
            provenance=MappingProxyType(provenance),
        )
        validate(self)
        # Proven here, so that no network exists whose registers could overflow.
        put(self, analyses={mode: analyse_whole(self, mode) for mode in self.modes})

    @cached_property
    def content_hash(self) -> str:
        """SHA-256, in hex, of everything but the provenance."""
        return content_hash(self)

    @cached_property
    def skeleton_hash(self) -> str:
        """SHA-256, in hex, of what stays the same where only numbers are learnt anew."""
        return skeleton_hash(self)

    def unlike(self, other: "Network") -> list[str]:
        """In what, of that which is in ``skeleton_hash``, another network is not as this one."""
        return skeleton_differences(self, other)

    @property
    def keeps_state(self) -> bool:
        """Whether END(keep) keeps all state in ``settle`` and ``collapsed`` too.

        Its inputs send changes then, and each population fires the change of its S: nothing is sent
        of what stays. Else a sample begins from the reset state and hears of the one before through
        delays only. Either way S is the same: v0 + sum I - threshold * S stays as it is from one
        sample to the next, and the changes that were sent since the reset add up to x and to S.
        """
        return any(each.encoding is Encoding.CHANGE for each in self.inputs)

    def population(self, name: str) -> Population:
        """The population of that name."""
        for population in self.populations:
            if population.name == name:
                return population
        raise ConfigurationError(
            "a population of the network must be named",
            found=repr(name),
            action=f"it has {', '.join(population.name for population in self.populations)}",
        )

    def input(self, name: str) -> Input:
        """The input of that name."""
        for source in self.inputs:
            if source.name == name:
                return source
        raise ConfigurationError(
            "an input of the network must be named",
            found=repr(name),
            action=f"it has {', '.join(source.name for source in self.inputs)}",
        )

    def node(self, name: str) -> Input | Population:
        """The input or population of that name."""
        for source in self.inputs:
            if source.name == name:
                return source
        return self.population(name)

    def sources(self, name: str) -> tuple[Connection, ...]:
        """Connections into the population of that name, in the network's order."""
        return tuple(item for item in self.connections if item.target == name)

    def targets(self, name: str) -> tuple[Connection, ...]:
        """Connections that read the input or population of that name, in the network's order."""
        return tuple(item for item in self.connections if name in item.reads)

    def paces(self, name: str) -> tuple[str, ...]:
        """Whose steps a population goes with: what it reads without delay, or the first input."""
        direct = [read for item in self.sources(name) if not item.delay for read in item.reads]
        return tuple(dict.fromkeys(direct)) or (self.inputs[0].name,)

    def order(self) -> tuple[Population, ...]:
        """Populations such that each comes after all it reads without delay."""
        return self._order

    @cached_property
    def _order(self) -> tuple[Population, ...]:
        return ordered(self)
