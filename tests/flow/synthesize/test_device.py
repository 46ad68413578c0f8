"""The tools are told the part that a board's platform says."""

import shlex

import pytest
from amaranth.hdl import Module

from spikewright.boards import BOARDS, get_board
from spikewright.flow.synthesize.device import (
    BITSTREAM,
    NAME,
    ROUTED,
    nextpnr_part,
    packing,
    synthesis_options,
)

FAMILIES = {"ice40": "-device {}", "ecp5": None, "gowin": "-family {}"}


@pytest.mark.parametrize("name", BOARDS)
def test_the_part_is_that_of_the_platform(name):
    """Amaranth's own script says the same to nextpnr."""
    board, platform = get_board(name), get_board(name).platform()
    script = platform.prepare(Module(), NAME, debug_verilog=False).files["build_top.sh"]
    words = shlex.split(script.decode() if isinstance(script, bytes) else script)
    mine = nextpnr_part(board)
    if board.family == "gowin":
        assert mine[1] == platform.part == words[words.index("--device") + 1]
        assert mine[3] == f"family={platform._chipdb_device.replace('R-', '-')}"
        assert mine[5] == f"cst={NAME}.cst"
        return
    assert mine[0] in words
    for option, value in zip(mine[1::2], mine[2::2], strict=True):
        assert words[words.index(option) + 1].lower() == value.lower()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("icebreaker", {"synth_opts": "-device u"}),
        ("icestick", {"synth_opts": "-device hx"}),
        ("tinyfpga-bx", {"synth_opts": "-device lp"}),
        ("ulx3s-85f", {}),
        ("tang-nano-9k", {"synth_opts": "-family gw1n"}),
        ("tang-nano-20k", {"synth_opts": "-family gw2a"}),
    ],
)
def test_synthesis_knows_the_series(name, options):
    assert synthesis_options(get_board(name)) == options


@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-85f", "tang-nano-20k"])
def test_the_packer_reads_what_was_routed(name):
    board = get_board(name)
    arguments = packing(board)
    assert ROUTED[board.family][1] in arguments and BITSTREAM[board.family] in arguments
    if board.family == "gowin":
        assert arguments[1] == "GW2A-18C"
