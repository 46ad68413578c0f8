"""Boards: their registry, their block RAMs, their clocks."""

import pytest
from amaranth.build import Pins, Subsignal

from spikewright.boards import BOARDS, get_board
from spikewright.golden.errors import ConfigurationError


def test_boards_are_known_by_their_names():
    assert all(get_board(name).name == name for name in BOARDS)
    wanted = {"icebreaker", "hx8k-b-evn", "ulx3s-12f", "ulx3s-25f", "ulx3s-45f", "ulx3s-85f"}
    wanted |= {"orangecrab-25f", "colorlight-i5", "colorlight-i9", "tang-nano-9k", "tang-nano-20k"}
    assert wanted <= set(BOARDS)


def test_the_area_models_are_of_the_first_of_their_family():
    first = {}
    for board in BOARDS.values():
        first.setdefault(board.family, board.name)
    assert first["ice40"] == "icebreaker" and first["ecp5"] == "ulx3s-85f"


def test_an_unknown_board_is_refused():
    with pytest.raises(
        ConfigurationError,
        match=r"^the board must be one of those that spikewright boards lists, found 'de10'; "
        r"run: spikewright boards; to plan for another one name a file NAME\.json$",
    ):
        get_board("de10")
    with pytest.raises(ConfigurationError, match=r"found 'ulx3s'; try ulx3s-\d\df, .*; run"):
        get_board("ulx3s")


@pytest.mark.parametrize(
    ("board", "rows", "bits", "blocks"),
    [
        ("ulx3s-85f", 512, 36, 1),
        ("ulx3s-85f", 513, 36, 2),
        ("ulx3s-85f", 1568, 256, 29),
        ("ulx3s-85f", 784, 64, 4),
        ("ulx3s-85f", 6272, 64, 25),
        ("ulx3s-85f", 6272, 2, 1),
        ("ulx3s-85f", 1, 1, 1),
        # three parts of 12 bits side by side in one word of 36
        ("ulx3s-85f", 1100, 12, 1),
        ("icebreaker", 256, 16, 1),
        ("icebreaker", 256, 32, 2),
        ("icebreaker", 2048, 2, 1),
        ("icebreaker", 64, 32, 2),
        # fewer blocks would need a wider multiplexer
        ("icebreaker", 6272, 64, 104),
    ],
)
def test_block_rams_of_a_memory(board, rows, bits, blocks):
    assert get_board(board).block_ram.blocks(rows, bits) == blocks


def test_what_is_written_is_whole_bytes():
    ram = get_board("ulx3s-85f").block_ram
    assert ram.blocks(1100, 12) == 1
    assert ram.blocks(1100, 12, written=True) == 2


@pytest.mark.parametrize(
    ("rows", "bits", "ports", "blocks"), [(512, 36, 2, 2), (512, 36, 4, 4), (1024, 18, 3, 2)]
)
def test_two_rows_of_a_block_are_read_in_a_cycle(rows, bits, ports, blocks):
    assert get_board("ulx3s-85f").block_ram.blocks(rows, bits, ports=ports) == blocks


@pytest.mark.parametrize("name", BOARDS)
def test_clocks(name):
    board = get_board(name)
    assert board.default_pll.mhz == board.default_mhz
    assert board.pll_below(board.plls[0].mhz - 0.1) is None
    assert board.pll_below(1000) is board.plls[-1]
    assert board.goal_mhz > board.default_mhz
    for mhz in (24, 33.3, 97.7):
        below = board.pll_below(mhz)
        assert below.mhz <= mhz
        assert all(not below.mhz < pll.mhz <= mhz for pll in board.plls)


@pytest.mark.parametrize("name", BOARDS)
def test_platforms_have_the_resources(name):
    board = get_board(name)
    platform = board.platform()
    lights = [board.match, *board.label, board.mismatch, board.beat]
    shown = [light for light in lights if light is not None]
    assert len(set(shown)) == len(shown)
    for light in shown if board.button is None else [*shown, board.button]:
        found = platform.lookup(light.name, light.number)
        parts = [each.name for each in found.ios if isinstance(each, Subsignal)]
        assert (light.part in parts) if parts else light.part is None
    assert platform.lookup(board.clock).clock.period == pytest.approx(1e-6 / board.clock_mhz)
    assert platform.device == board.device


@pytest.mark.parametrize("name", BOARDS)
def test_a_host_and_a_programmer_reach_it(name):
    board = get_board(name)
    uart = board.uart
    if uart is not None:
        resource = board.platform().lookup(uart.resource, uart.number)
        ways = {each.name: each.ios[0].dir for each in resource.ios if isinstance(each, Subsignal)}
        assert ways["rx"] == "i" and ways["tx"] == "o"
        assert list(uart.rates) == sorted(uart.rates, reverse=True) and 115_200 in uart.rates
        # Where there is no bridge one must know where the pins are.
        assert bool(uart.pins) == (uart.bridge is None)
    if board.spi is not None:
        assert list(board.spi.rates) == sorted(board.spi.rates, reverse=True)
        assert board.spi.url.startswith(f"ftdi://ftdi:{board.spi.bridge[2:].lower()}/")
    assert (board.programmer is None) == bool(board.by_hand)
    if board.programmer is not None:
        assert board.programmer.arguments[0] in ("-b", "-c")
        assert board.programmer.flash or board.programmer.sram


@pytest.mark.parametrize("name", [name for name, board in BOARDS.items() if board.flash])
def test_a_flash_and_its_lines(name):
    board = get_board(name)
    lines = {each.name: each.ios[0] for each in board.platform().lookup(board.flash.resource).ios}
    assert {"cs", "copi", "cipo"} <= set(lines) and lines["cs"].invert
    assert ("clk" in lines) == (board.family == "ice40")
    assert board.flash.offset < board.flash.size <= 1 << 24  # of 24 bits of address
    taken = [pin for each in lines.values() for pin in each.names]
    others = [*pins_of(board.platform().lookup(board.clock))]
    if board.uart is not None:
        others += pins_of(board.platform().lookup(board.uart.resource))
    assert not set(taken) & set(others) and len(set(taken)) == len(taken)
    assert board.goal_mhz / (2 * board.flash.half) < 25


def test_pads_of_an_ecp5_are_the_same_in_each_package():
    """As amaranth-boards has them for these boards."""
    for name in ("ulx3s-85f", "ecp5-evn", "icepi-zero", "icesugar-pro"):
        platform = get_board(name).platform()
        own = {each.name: each.ios[0].names for each in platform.lookup("boot_flash").ios}
        kind = "spi_flash" if name.startswith("ulx3s") else "spi_flash_1x"
        theirs = {each.name: each.ios[0].names for each in platform.lookup(kind).ios}
        assert own.items() <= theirs.items()


def pins_of(resource):
    for each in resource.ios:
        if isinstance(each, Subsignal):
            yield from pins_of(each)
        elif isinstance(each, Pins):
            yield from each.names


@pytest.mark.parametrize("name", BOARDS)
def test_a_link_shares_pins_only_where_it_says_so(name):
    board = get_board(name)
    platform = board.platform()
    lights = [board.match, *board.label, board.mismatch, board.beat, board.button]
    used = {
        pin
        for light in lights
        if light is not None
        for pin in pins_of(platform.lookup(light.name, light.number))
    }
    used |= set(pins_of(platform.lookup(board.clock)))
    for link in board.links:
        pins = set(pins_of(platform.lookup(link.resource, link.number)))
        assert bool(pins & used) == link.shared
