"""The page of boards, in Markdown, from the record."""

from collections.abc import Mapping

from spikewright.boards import BOARDS, Board

from .record import Routed

__all__ = ["page", "status"]

_HEAD = """# Boards

Written by `make boards`, which builds the digits network (64-32-10, collapsed) for every board: a
bitstream that works on a stored sample and judges every token that comes out, with one seed of
place and route. *Routed* says that this was done and that its timing is met; nothing was run on a
board: each is untested on hardware until someone runs it.

`spikewright boards` lists the same with what is on each device, `spikewright boards NAME` says how
a board is reached and which networks fit it.

| board | device | status | lanes | Fmax, MHz | clock, MHz | LUTs | flip-flops | block RAMs |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""
_FOOT = """
Block RAMs are those of the device: of 4 kbit on an iCE40, of 18 kbit on an ECP5 or a Gowin. LUTs
are all lookup tables: those of carry chains, of LUT RAM, and on a Gowin those that only lead to a
flip-flop, too.
"""


def status(board: Board, record: Mapping[str, Routed]) -> str:
    """In words: routed, too small, or not built, as the record says of this device."""
    found = record.get(board.name)
    if found is None or found.device != board.device:
        return "not built yet"
    return "routed" if found.routed else "too small for the digits network"


def page(record: Mapping[str, Routed]) -> str:
    """The whole page: a line for each board, and what it was made with."""
    lines = [_line(board, record) for board in BOARDS.values()]
    made: dict[str, list[str]] = {}
    for name, each in record.items():
        made.setdefault(_made(each), []).append(name)
    notes = [f"{', '.join(names)}: {how}" for how, names in made.items()]
    return _HEAD + "\n".join(lines) + "\n" + _FOOT + "\n" + "\n\n".join(notes) + "\n"


def _line(board: Board, record: Mapping[str, Routed]) -> str:
    found = record.get(board.name)
    cells = [board.name, board.device, status(board, record)]
    if found is None or not found.routed:
        cells += ["-"] * 6
    else:
        cells += [
            f"{found.lanes}",
            f"{found.fmax_mhz:.1f}",
            f"{found.clock_mhz:.1f}",
            f"{found.lut:,} of {board.luts:,}",
            f"{found.ff:,}",
            f"{found.bram} of {board.block_ram.count}",
        ]
    return f"| {' | '.join(cells)} |"


def _made(each: Routed) -> str:
    where = each.measured
    versions = ", ".join(f"{name} {version}" for name, version in each.versions.items())
    tools = f"; {versions}" if versions else ""
    return (
        f"{where['date']}, {where['cores']} {where['processor']} cores with "
        f"{where['memory_gib']:g} GiB; seed {each.seed}, network {each.network[:12]}{tools}."
    )
