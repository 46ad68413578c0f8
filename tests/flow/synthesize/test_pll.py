"""Another clock in a netlist is the netlist of that clock."""

import json

import pytest

from spikewright.boards import SelfTestTop, get_board
from spikewright.boards.pll import Direct
from spikewright.flow.synthesize import tools
from spikewright.flow.synthesize.pll import set_pll
from spikewright.hdl.accelerator import Accelerator


def netlist(case, board, pll, folder):
    """What Yosys writes, before it maps anything."""
    folder.mkdir()
    top = SelfTestTop(
        board=board,
        pll=pll,
        constraint_mhz=100,
        accelerator=Accelerator(network=case.network, plan=case.plan),
        tokens=case.sample.inputs,
        expected=case.sample.output,
    )
    prepared = board.platform().prepare(top, "top", debug_verilog=False)
    (folder / "top.il").write_text(prepared.files["top.il"])
    script = "read_rtlil top.il; hierarchy -top top; proc -noopt; flatten; write_json top.json"
    tools.run(tools.yosys_tool(), ("-q", "-p", script), folder, log="yosys.log")
    return json.loads((folder / "top.json").read_text())


def settings(read):
    (cell,) = (c for c in read["modules"]["top"]["cells"].values() if "PLL" in c["type"])
    return {part: cell[part] for part in ("type", "parameters")} | {
        "attributes": {k: v for k, v in cell["attributes"].items() if k != "src"}
    }


@pytest.mark.parametrize(("name", "clocks"), [("ulx3s-85f", (100, 87.3)), ("icebreaker", (40, 30))])
def test_it_is_that_of_the_other_clock(case, name, clocks, tmp_path, real_tools):
    board = get_board(name)
    old, new = (board.pll_below(mhz) for mhz in clocks)
    first, second = (netlist(case, board, pll, tmp_path / f"{pll.mhz}") for pll in (old, new))
    assert settings(first) != settings(second)
    assert not set_pll(first, "top", new, old)
    assert set_pll(first, "top", old, new)
    assert settings(first) == settings(second)


def test_no_pll_no_settings():
    board = get_board("icebreaker")
    direct = Direct(input_mhz=12)
    module = {"modules": {"top": {"cells": {}}}}
    pll = board.pll_below(30)
    assert not set_pll(module, "top", direct, pll)
    assert not set_pll(module, "top", pll, direct)
    assert not set_pll(module, "top", pll, board.pll_below(20))
