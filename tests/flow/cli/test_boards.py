"""The commands ``boards`` and ``program``."""

import pytest

from spikewright.boards import BOARDS
from support.cli import spikewright


def test_all_boards_are_listed_in_80_columns_without_a_figure_cut(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = spikewright("boards", cwd=tmp_path).stdout
    lines = [line for line in said.splitlines() if line and not line.startswith(" ")][1:]
    assert [line.split()[0] for line in lines] == list(BOARDS)
    for line, board in zip(lines, BOARDS.values(), strict=True):
        assert f" {board.luts:,} " in line and f" {board.block_ram.count} x " in line
    assert "…" not in said and max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "icebreaker",
            ["4 SPRAM of 262,144 bits", "by FT2232H: 12,000,000,", " baud, 6,000,000 at 24 MHz",
             "SPI by FT2232H: 10,000,000,", "Hz, 6,000,000 at 24 MHz; --port spi:ftdi://ftdi:2232h/1",
             "none: there is no room for them",
             "-b ice40_generic, to flash",
             "may fit    MNIST 784-128-10, 16 lanes", "weights in large RAMs",
             "too large  MNIST 784-128-10, 128 lanes"],
        ),
        (
            "colorlight-5a-75b",
            ["an adapter of your own, RX KEY+", "in place of the LED", "JTAG adapter of your own"],
        ),
        (
            "ulx3s-85f",
            ["counters behind a link", "networks come from the flash, at power-on, or over the"],
        ),
        ("fomu", ["host link none", "networks come with the bitstream only"]),
        ("versa-ecp5", ["networks come over the link"]),
        ("tang-nano-9k", ["What fits is not known: the area model was not calibrated on gowin."]),
        ("tinyfpga-bx", ["by hand: tinyprog -p top.bin"]),
    ],
)  # fmt: skip
def test_one_board(name, texts, tmp_path):
    said = " ".join(spikewright("boards", name, cwd=tmp_path).stdout.split())
    for text in texts:
        assert " ".join(text.split()) in said
    assert "untested on hardware" in said


def test_no_such_board(tmp_path):
    result = spikewright("boards", "ulx3s-84f", cwd=tmp_path, ok=False)
    assert result.returncode == 2 and "try ulx3s-85f" in result.stderr


def test_program_says_what_is_wrong(tmp_path):
    result = spikewright("program", "icesugar", "--bitstream", "top.bin", cwd=tmp_path, ok=False)
    assert "do it by hand: icesprog top.bin, or flash.bin where" in result.stderr
    result = spikewright("program", "fomu", "--bitstream", "none.bin", cwd=tmp_path, ok=False)
    assert "none.bin: the bitstream must be a file, found none" in result.stderr
