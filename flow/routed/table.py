"""The page of boards, in Markdown, from the record."""

from collections.abc import Mapping
from typing import Any

from spikewright.boards import BOARDS, Board

from .record import Linked, Routed

__all__ = ["page", "status"]

_HEAD = """# Boards

Written by `make boards`, which builds the digits network (64-32-10, collapsed) for every board: a
bitstream that works on a stored sample and judges every token that comes out, with one seed of
place and route. *Routed* says that this was done and that its timing is met; nothing was run on a
board: each is untested on hardware until someone runs it.

`spikewright boards` lists the same with what is on each device, `spikewright boards NAME` says how
a board is reached and which networks fit it.

| board | device | status | lanes | Fmax, MHz | clock, MHz | LUTs | flip-flops | block RAMs | link | images/s, computed | simulated |
|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|
"""  # noqa: E501
_FOOT = """
Block RAMs are those of the device: of 4 kbit on an iCE40, of 18 kbit on an ECP5 or a Gowin. LUTs
are all lookup tables: those of carry chains, of LUT RAM, and on a Gowin those that only lead to a
flip-flop, too. Images a second are what a host gets over the board's usual link (below).
"""
_LINKS = """
## Over the link

Images a second over every link of a board: the design that `build --link` makes, in the simulator
(`run --port sim:BOARD:LINK`), at the clock of the table above, with as many lanes, but 4 on devices
of less than 7,000 lookup tables, where the link takes room; every token of every image equal to the
golden model. What the line takes is worked out from its rate and from the bytes of an image's
frames in the direction that has more; what the accelerator takes, from the model of cycles. The
slower of these two is the most that there can be. Simulated is the clock by the cycles between two
results: frames that only acknowledge, and waits for room, are in it. The host's USB is not.

| board | link | network | images | bytes there | back | images/s of the line | of the accelerator | simulated |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""  # noqa: E501
_LINE_UNITS = {"uart": "Bd", "spi": "Hz"}


def status(board: Board, record: Mapping[str, Routed]) -> str:
    """In words: routed, too small, or not built, as the record says of this device."""
    found = record.get(board.name)
    if found is None or found.device != board.device:
        return "not built yet"
    return "routed" if found.routed else "too small for the digits network"


def page(record: Mapping[str, Routed]) -> str:
    """The whole page: a line for each board, and what it was made with."""
    lines = [_line(board, record) for board in BOARDS.values()]
    links = [
        _link_line(name, link)
        for name, each in record.items()
        for link in sorted(each.links, key=lambda link: link.network != each.network)
    ]
    made: dict[str, list[str]] = {}
    for name, each in record.items():
        made.setdefault(_made(each), []).append(name)
        for link in each.links:
            made.setdefault(_tried(link), []).append(f"{name} {link.kind} {link.name}")
    notes = [f"{', '.join(names)}: {how}" for how, names in made.items()]
    over = _LINKS + "\n".join(links) + "\n" if links else ""
    return _HEAD + "\n".join(lines) + "\n" + _FOOT + over + "\n" + "\n\n".join(notes) + "\n"


def _line(board: Board, record: Mapping[str, Routed]) -> str:
    found = record.get(board.name)
    cells = [board.name, board.device, status(board, record)]
    if found is None or not found.routed:
        cells += ["-"] * 9
    else:
        cells += [
            f"{found.lanes}",
            f"{found.fmax_mhz:.1f}",
            f"{found.clock_mhz:.1f}",
            f"{found.lut:,} of {board.luts:,}",
            f"{found.ff:,}",
            f"{found.bram} of {board.block_ram.count}",
            *_over(found.usual_link),
        ]
    return f"| {' | '.join(cells)} |"


def _over(link: Linked | None) -> tuple[str, str, str]:
    """By which link, and images a second."""
    if link is None:
        return ("-",) * 3
    return _name(link), f"{link.computed_per_s:,.0f}", f"{link.simulated_per_s:,.0f}"


def _name(link: Linked) -> str:
    unit, rate = _LINE_UNITS[link.kind], link.bits_per_s
    shown = f"{rate / 1e6:g} M{unit}" if rate >= 1_000_000 else f"{rate / 1e3:g} k{unit}"
    return f"{link.kind.upper()}, {shown}"


def _link_line(board: str, link: Linked) -> str:
    there, back = link.sample_bytes
    rates = (link.line_per_s, link.accelerator_per_s, link.simulated_per_s)
    cells = [board, _name(link), link.name, f"{link.samples}", f"{there:.1f}", f"{back:.1f}"]
    return f"| {' | '.join([*cells, *(f'{rate:,.0f}' for rate in rates)])} |"


def _made(each: Routed) -> str:
    return _told(each.measured, f"seed {each.seed}, network {each.network[:12]}", each.versions)


def _tried(link: Linked) -> str:
    return _told(link.measured, f"network {link.network[:12]}", link.versions)


def _told(where: Mapping[str, Any], what: str, versions: Mapping[str, str]) -> str:
    tools = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{where['date']}, {where['cores']} {where['processor']} cores with "
        f"{where['memory_gib']:g} GiB; {what}{'; ' if tools else ''}{tools}."
    )
