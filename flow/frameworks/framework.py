"""What an importer must know of a framework."""

from typing import Any, Protocol

from .neuron import Neuron, Shape

__all__ = ["Framework"]


class Framework(Protocol):
    """How a framework's modules are told, read and reset; none is imported for it."""

    name: str
    kinds: tuple[str, ...]

    @staticmethod
    def is_neuron(module: Any) -> bool:
        """Whether it is a layer of neurons, known or not."""
        ...

    @staticmethod
    def check(module: Any, where: str) -> None:
        """Refuse options that no integer soma has, before anything runs."""
        ...

    @staticmethod
    def read(module: Any, shape: Shape, where: str) -> Neuron:
        """One of ``kinds``, in layers of ``shape``; raises UnsupportedError by option."""
        ...

    @staticmethod
    def reset(module: Any, batch: int) -> None:
        """Bring a layer of neurons to the state before the first step of so many samples."""
        ...

    @staticmethod
    def membrane(module: Any) -> tuple[Any, bool]:
        """What it kept of the last step, [batch, *shape]; whether from before a reset at once."""
        ...

    @staticmethod
    def is_sequence(module: Any) -> bool:
        """Whether a call of a layer takes all steps at once, joined with the batch."""
        ...

    @staticmethod
    def forms(module: Any) -> tuple[str, ...]:
        """Forms of input to try: step, time first, batch first, flat, frame (which is repeated)."""
        ...
