"""Registers that carry values from stage to stage."""

from collections.abc import Mapping

from amaranth.hdl import Cat, Const, Module, Signal, Value

__all__ = ["Flow", "delayed"]


def delayed(m: Module, value: Value, cycles: int, name: str, *, reset_less: bool = True) -> Value:
    """``value`` as it was ``cycles`` before; a constant is the same at all times."""
    value = Value.cast(value)
    if isinstance(value, Const) or len(value) == 0:
        return value
    for cycle in range(cycles):
        later = Signal(value.shape(), name=f"{name}_{cycle + 1}", reset_less=reset_less)
        m.d.sync += later.eq(value)
        value = later
    return value


class Flow:
    """Values that move through a pipeline together, with the bit that says whether they count.

    Parameters
    ----------
    m : the module that gets the registers. valid, values : of the first stage. name : of the
    registers.
    """

    def __init__(self, m: Module, valid: Value, values: Mapping[str, Value], *, name: str) -> None:
        self.m = m
        self.valid = valid
        self.values = dict(values)
        self.name = name
        self._stages: list[Value] = []

    def take(self, name: str) -> Value:
        """A value that later stages do not need."""
        return self.values.pop(name)

    def wait(self, cycles: int) -> None:
        """Move everything on."""
        for _ in range(cycles):
            stage = f"{self.name}_{len(self._stages)}"
            self.valid = delayed(self.m, self.valid, 1, f"{stage}_valid", reset_less=False)
            self._stages.append(self.valid)
            for key, value in self.values.items():
                self.values[key] = delayed(self.m, value, 1, f"{stage}_{key}")

    @property
    def busy(self) -> Value:
        """Whether a stage behind the first holds values that count."""
        return Cat(*self._stages).any()
