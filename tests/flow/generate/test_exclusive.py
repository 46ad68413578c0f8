"""Memories that are loaded become block RAM alone, without logic for what is never read."""

import json

import pytest
from amaranth.back import rtlil

from spikewright.flow.generate import exclusive_rtlil, uninitialised_rtlil
from spikewright.flow.synthesize.tools import run, yosys_tool
from spikewright.golden.errors import ToolError
from spikewright.hdl.loaded_memory import LoadedMemory
from spikewright.hdl.plan import WeightStore
from spikewright.hdl.weights import WeightMemory


def cells(text, folder):
    (folder / "top.il").write_text(text)
    run(
        yosys_tool(),
        ("-q", "-p", "read_rtlil top.il; synth_ecp5 -top top -json top.json"),
        folder,
        log="yosys.log",
    )
    netlist = json.loads((folder / "top.json").read_text())
    return [cell["type"] for cell in netlist["modules"]["top"]["cells"].values()]


def test_a_memory_takes_no_logic(tmp_path):
    memory = LoadedMemory(rows=[0] * 600, width=16, store=WeightStore.BLOCK)
    text = uninitialised_rtlil(rtlil.convert(memory, name="top"))
    bare = cells(exclusive_rtlil(text), tmp_path)
    assert (bare.count("DP16KD"), bare.count("LUT4")) == (1, 0)
    assert cells(text, tmp_path).count("LUT4") > 16


def test_others_stay_as_they_are():
    memory = WeightMemory(rows=[1, 2, 3], width=4, store=WeightStore.BLOCK)
    text = rtlil.convert(memory, name="top")
    assert exclusive_rtlil(text) == text


def test_a_text_that_it_does_not_know():
    memory = LoadedMemory(rows=[0] * 4, width=16, store=WeightStore.BLOCK)
    text = rtlil.convert(memory, name="top").replace("  memory ", "  memories ")
    with pytest.raises(ToolError, match="every memory that is exclusive must have a name"):
        exclusive_rtlil(text)
