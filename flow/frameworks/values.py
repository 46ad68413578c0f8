"""What is known of a module's tensors while it runs: whose spikes they are, and of which step."""

from dataclasses import dataclass, field

from torch import Tensor

from .neuron import Shape

__all__ = [
    "FLATTEN",
    "INPUT",
    "OUTPUT",
    "READOUT",
    "RESERVED",
    "Call",
    "Edge",
    "Returned",
    "Source",
    "Term",
    "Value",
    "WrongForm",
]

INPUT, OUTPUT, READOUT, FLATTEN = RESERVED = ("input", "output", "readout", "flatten")


class WrongForm(Exception):  # noqa: N818 - says that another form of input is to be tried
    """The module does not take its input in this form, or does what cannot be followed."""


@dataclass(frozen=True)
class Term:
    """What a source fired in a step (None: in the same), through linear nodes, by name."""

    source: str
    step: int | None
    chain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """What a tensor comes from: spikes of a source through linear nodes, or a state of it."""

    name: str
    chain: tuple[str, ...] = ()
    state: bool = False


@dataclass(frozen=True)
class Value:
    """What a tensor is: a sum of terms; or None of that, and ``why``.

    ``lead``: dimensions before the features, which are batch, or steps and batch.
    """

    terms: tuple[Term, ...] | None
    lead: int
    sources: frozenset[Source] = frozenset()
    why: str = ""


Returned = tuple[Tensor, Value]


@dataclass(frozen=True)
class Edge:
    """What a population hears."""

    source: str
    delay: int
    chain: tuple[str, ...]


@dataclass(eq=False)
class Call:
    """What a layer of neurons was seen to do.

    By call: ``heard``; ``spikes``, or membranes, as it returned them; ``membranes`` as it kept them
    at the end, [batch, *shape], as they were compared with the threshold where ``charged``.
    """

    shape: Shape
    heard: list[frozenset[Edge]] = field(default_factory=list)
    spikes: list[Tensor] = field(default_factory=list)
    membranes: list[Tensor] = field(default_factory=list)
    charged: bool = False
