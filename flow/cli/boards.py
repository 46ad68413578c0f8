"""The command ``boards``: what there is, what is on it, and what fits it."""

from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import OUT, say

if TYPE_CHECKING:
    from spikewright.boards import Board, Spi, Uart
    from spikewright.flow.routed import Routed

__all__ = ["boards"]


def boards(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Of a board, for all about it.", show_default="all"),
    ] = None,
) -> None:
    """List the boards: what is on each, how it is reached, and whether a bitstream was routed.

    Routed is a board for which make boards built the digits network, its timing
    met; nothing was run on hardware. With a name also how it is programmed, and
    which networks of usual sizes fit, by the area model.

    [bold]Examples[/]

      spikewright boards

      spikewright boards tang-nano-9k
    """
    from spikewright.boards import BOARDS, get_board
    from spikewright.flow.routed import load_routed

    record = load_routed()
    if name is None:
        _show_all(list(BOARDS.values()), record)
    else:
        _show_one(get_board(name), record)


def _show_all(all_: "list[Board]", record: "dict[str, Routed]") -> None:
    from rich.table import Table

    from spikewright.flow.routed.table import status

    # Figures are never cut, and a line of 80 characters holds them.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("board", "device"):
        table.add_column(title, style="bold" if title == "board" else None, no_wrap=True)
    for title in ("LUTs", "block RAMs, kbit", "large RAMs", "multi-\npliers", "MHz"):
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True)
    table.add_column("host\nlink", justify="right", no_wrap=True)
    table.add_column("status")
    for each in all_:
        table.add_row(
            each.name,
            each.device,
            f"{each.luts:,}",
            f"{each.block_ram.count} x {each.block_ram.bits // 1024}",
            "-" if each.large_ram is None else str(each.large_ram.count),
            str(each.dsps),
            f"{each.default_mhz:g}",
            _link(each) if each.links else "none",
            status(each, record),
        )
    OUT.print(table)


def _link(board: "Board") -> str:
    """The usual link's rate, at the clock that is built for by default."""
    from spikewright.boards import Spi, rate_at

    link = board.links[0]
    unit, rate = "Hz" if isinstance(link, Spi) else "Bd", rate_at(link, board.default_pll)
    return f"{rate / 1e6:g} M{unit}" if rate >= 1_000_000 else f"{rate / 1e3:.0f} k{unit}"


def _show_one(board: "Board", record: "dict[str, Routed]") -> None:
    from rich.table import Table

    from spikewright.flow.routed.table import status

    ram, large, plls = board.block_ram, board.large_ram, board.plls
    rows = [
        ("board", board.title),
        ("package", f"{board.package} {board.speed}".strip()),
        ("lookup tables", f"{board.luts:,}, {board.ffs:,} flip-flops"),
        ("block RAMs", f"{ram.count} {ram.name} of {ram.bits:,} bits"),
        (
            "large RAMs",
            "none"
            if large is None
            else f"{large.count} {large.name} of {large.rows * large.bits:,} bits",
        ),
        ("LUT RAM", "yes" if board.lut_ram else "no"),
        ("multipliers", str(board.dsps)),
        (
            "clock",
            f"{board.clock_mhz:g} MHz oscillator, {plls[0].mhz:g} to {plls[-1].mhz:g} MHz by PLL, "
            f"{board.default_mhz:g} MHz by default",
        ),
        *_host(board),
        ("status", f"{status(board, record)}; untested on hardware"),
    ]
    found = record.get(board.name)
    if found is not None and found.routed:
        rows.append(
            (
                "digits network",
                f"{found.lanes} lanes: {found.fmax_mhz:.1f} MHz, {found.lut:,} LUTs, "
                f"{found.ff:,} flip-flops, {found.bram} block RAMs",
            )
        )
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
    _show_fits(board)


def _host(board: "Board") -> list[tuple[str, str]]:
    """How it is reached, and programmed."""
    from spikewright.boards import usual_link

    programmer = board.programmer
    how = f"by hand: {board.by_hand}"
    if programmer is not None:
        to = " or ".join(
            text
            for text, there in (("SRAM", programmer.sram), ("flash", programmer.flash))
            if there
        )
        adapter = " with a JTAG adapter of your own" if programmer.adapter else ""
        how = f"openFPGALoader {' '.join(programmer.arguments)}{adapter}, to {to}"
    links = [("host link", _told(link, board)) for link in board.links]
    if links:
        counts = usual_link(board).counters
        links.append(("counters", "behind a link" if counts else "none: there is no room for them"))
    ways = ["from the flash, at power-on"] * (board.flash is not None)
    ways += ["over the link"] * bool(board.links)
    return [
        *(links or [("host link", "none")]),
        ("programmer", how),
        ("networks come", ", or ".join(ways) or "with the bitstream only"),
    ]


def _told(link: "Uart | Spi", board: "Board") -> str:
    from spikewright.boards import Spi, rate_at

    rates = ", ".join(f"{rate:,}" for rate in link.rates)
    pll = board.default_pll
    usual = f"{rate_at(link, pll):,} at {pll.mhz:g} MHz"
    if isinstance(link, Spi):
        return f"SPI by {link.bridge}: {rates} Hz, {usual}; --port spi:{link.url}"
    by = link.bridge or f"an adapter of your own, {link.pins}"
    shared = "; in place of the LED and the button" if link.shared else ""
    return f"UART by {by}: {rates} baud, {usual}{shared}"


def _show_fits(board: "Board") -> None:
    from spikewright.flow.area import calibrated
    from spikewright.flow.area.examples import EXAMPLES, fit_of

    say("")
    if not calibrated(board.family):
        say(f"What fits is not known: the area model was not calibrated on {board.family}.")
        return
    for each in EXAMPLES:
        fit = fit_of(each, board)
        where = ", weights in large RAMs" if fit.large else ""
        if fit.short:
            say(f"too large  {each.name}: {'; '.join(fit.short)}")
        else:
            what = "LUTs" if fit.area.logic_cells is None else "logic cells"
            taken = f"about {fit.cells:,} {what}, {fit.area.block_rams} block RAMs"
            say(f"{'may fit' if fit.close else 'fits':9s}  {each.name}: {taken}{where}")
