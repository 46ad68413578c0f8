"""Devices: what is on each, as place and route counts it."""

from dataclasses import dataclass
from typing import Any

from .rams import BlockRam, LargeRam

__all__ = [
    "GW1NR_9C",
    "GW2AR_18C",
    "ICE40HX1K",
    "ICE40HX8K",
    "ICE40LP8K",
    "ICE40UP5K",
    "Device",
    "ecp5",
]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device, whatever board it is on.

    Parameters
    ----------
    name : as the vendor writes it. family : of the tools.
    luts, ffs, dsps : as of ``Board``. block_ram, large_ram : its RAMs.
    lut_ram : whether lookup tables can be memory.
    """

    name: str
    family: str
    luts: int
    ffs: int
    block_ram: BlockRam
    lut_ram: bool
    large_ram: LargeRam | None = None
    dsps: int

    @property
    def fields(self) -> dict[str, Any]:
        """What a ``Board`` has of it."""
        return {
            "family": self.family,
            "device": self.name,
            "luts": self.luts,
            "ffs": self.ffs,
            "block_ram": self.block_ram,
            "lut_ram": self.lut_ram,
            "large_ram": self.large_ram,
            "dsps": self.dsps,
        }


def _ice40(name: str, cells: int, rams: int, large: int = 0, dsps: int = 0) -> Device:
    shapes = ((256, 16), (512, 8), (1024, 4), (2048, 2))
    return Device(
        name=name,
        family="ice40",
        luts=cells,
        ffs=cells,
        block_ram=BlockRam(name="EBR", count=rams, shapes=shapes, cost=64),
        lut_ram=False,
        large_ram=LargeRam(name="SPRAM", count=large, rows=16384, bits=16) if large else None,
        dsps=dsps,
    )


ICE40UP5K = _ice40("iCE40UP5K", 5280, 30, 4, 8)
ICE40HX1K = _ice40("iCE40HX1K", 1280, 16)
ICE40HX8K = _ice40("iCE40HX8K", 7680, 32)
ICE40LP8K = _ice40("iCE40LP8K", 7680, 32)

# By the number in the name: logic, block RAMs, multipliers. A 12F is the die of a 25F, and place
# and route uses all of it.
_ECP5 = {
    "12": (24288, 56, 28),
    "25": (24288, 56, 28),
    "45": (43848, 108, 72),
    "85": (83640, 208, 156),
}


def ecp5(name: str) -> Device:
    """An ECP5, such as LFE5U-25F or LFE5UM5G-85F; their transceivers are not used."""
    luts, rams, dsps = _ECP5[name.rpartition("-")[2][:2]]
    narrow = ((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
    return Device(
        name=name,
        family="ecp5",
        luts=luts,
        ffs=luts,
        block_ram=BlockRam(
            name="DP16KD",
            count=rams,
            # The widest shape takes both ports, which a memory that is only read can give.
            shapes=((512, 36), *narrow),
            dual_shapes=narrow,
            byte=9,
            cost=128,
        ),
        lut_ram=True,
        dsps=dsps,
    )


def _gowin(name: str, luts: int, ffs: int, rams: int, dsps: int) -> Device:
    narrow = ((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
    return Device(
        name=name,
        family="gowin",
        luts=luts,
        ffs=ffs,
        block_ram=BlockRam(
            name="BSRAM",
            count=rams,
            shapes=((512, 36), *narrow),
            dual_shapes=narrow,
            byte=9,
            cost=128,
        ),
        lut_ram=True,
        dsps=dsps,
    )


GW1NR_9C = _gowin("GW1NR-9C", 8640, 6480, 26, 20)
GW2AR_18C = _gowin("GW2AR-18C", 20736, 15552, 46, 48)
