"""What a neuron remembers between steps, as bits of a word of membranes."""

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Shape, Value, ValueLike

__all__ = ["StateLayout"]


@dataclass(frozen=True, kw_only=True)
class StateLayout:
    """Registers of a neuron, from the lowest bit on; None where it does without.

    ``total`` is what rows add to: the current where there is one, or else the membrane, or, where
    that must stay at times, what came in; collapsed, the sum since the reset. ``v`` is
    the membrane beside it, ``tracer`` S, ``pending`` the level whose reset is still to come,
    ``wait`` the steps in which v stays.
    """

    total: Shape
    v: Shape | None = None
    tracer: Shape | None = None
    pending: Shape | None = None
    wait: Shape | None = None

    @property
    def fields(self) -> dict[str, Shape]:
        """Shapes of the registers there are, by name."""
        return {name: shape for name, shape in vars(self).items() if shape is not None}

    @property
    def bits(self) -> int:
        """Bits of a neuron."""
        return sum(shape.width for shape in self.fields.values())

    def split(self, word: Value) -> dict[str, Value]:
        """The registers of a neuron's bits, by name."""
        parts, at = {}, 0
        for name, shape in self.fields.items():
            field = word[at : at + shape.width]
            parts[name] = field.as_signed() if shape.signed else field
            at += shape.width
        return parts

    def join(self, parts: Mapping[str, ValueLike]) -> Value:
        """The bits of a neuron's registers, each cut to its width; 0 where not given."""
        found = []
        for name, shape in self.fields.items():
            value = Value.cast(parts.get(name, 0))
            missing = shape.width - len(value)
            if missing > 0:
                top = value[-1].replicate(missing) if value.shape().signed else Const(0, missing)
                value = Cat(value, top)
            found.append(value[: shape.width])
        return Cat(found)
