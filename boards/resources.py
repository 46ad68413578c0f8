"""What a device has, as numbers that a plan is held against."""

from dataclasses import dataclass

from spikewright.golden.errors import ConfigurationError

__all__ = ["Resources"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Counts of a device's parts, each at least 0.

    Parameters
    ----------
    name : the board's. luts : 4-input lookup tables (iCE40: logic cells). flip_flops.
    block_rams : block RAMs of block_ram_bits bits. lut_ram : whether lookup tables can be memory.
    sprams : large single-port RAMs. dsps : multiplier blocks.
    """

    name: str
    luts: int
    flip_flops: int
    block_rams: int
    block_ram_bits: int
    lut_ram: bool
    sprams: int
    dsps: int

    def __post_init__(self) -> None:
        for name in ("luts", "flip_flops", "block_rams", "block_ram_bits", "sprams", "dsps"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigurationError(
                    f"{name} must be an integer of at least 0",
                    found=repr(value),
                    where=f"board {self.name!r}",
                )
