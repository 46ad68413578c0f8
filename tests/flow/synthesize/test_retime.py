"""Another clock in a netlist is the netlist of that clock."""

import json

import pytest

from spikewright.boards import get_board
from spikewright.boards.pll import Direct
from spikewright.flow.synthesize import tools
from spikewright.flow.synthesize.retime import set_clock
from spikewright.flow.synthesize.top import make_top
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.link import LinkPlan


def made(case, board, pll, link):
    return make_top(
        board=board,
        pll=pll,
        constraint_mhz=100,
        accelerator=Accelerator(network=case.network, plan=case.plan),
        sample=case.sample,
        link=link,
    )


def netlist(top, folder):
    """What Yosys writes, before it maps anything."""
    folder.mkdir()
    prepared = top.board.platform().prepare(top, "top", debug_verilog=False)
    (folder / "top.il").write_text(prepared.files["top.il"])
    script = "read_rtlil top.il; hierarchy -top top; proc -noopt; flatten; write_json top.json"
    tools.run(tools.yosys_tool(), ("-q", "-p", script), folder, log="yosys.log")
    return json.loads((folder / "top.json").read_text())


def settings(read):
    """Of all cells that are the vendor's."""
    return {
        name: {part: cell[part] for part in ("type", "parameters")}
        | {"attributes": {k: v for k, v in cell["attributes"].items() if k != "src"}}
        for name, cell in read["modules"]["top"]["cells"].items()
        if not cell["type"].startswith("$")
    }


@pytest.mark.parametrize("link", [None, LinkPlan()], ids=["alone", "link"])
@pytest.mark.parametrize(("name", "clocks"), [("ulx3s-85f", (100, 87.3)), ("icebreaker", (40, 30))])
def test_it_is_that_of_the_other_clock(case, name, clocks, link, tmp_path, real_tools):
    board = get_board(name)
    tops = [made(case, board, board.pll_below(mhz), link) for mhz in clocks]
    first, second = (netlist(top, tmp_path / f"{top.pll.mhz}") for top in tops)
    old, new = (made(case, board, board.pll_below(mhz), link) for mhz in clocks)
    changed = [name for name, cell in settings(first).items() if cell != settings(second)[name]]
    assert len(changed) == 1 if link is None else len(changed) > 4
    before = settings(first)
    assert not set_clock(first, "top", new, old)
    assert settings(first) == before
    assert set_clock(first, "top", old, new)
    assert settings(first) == settings(second)


@pytest.mark.parametrize("link", [None, LinkPlan()], ids=["alone", "link"])
def test_no_pll_no_settings(case, link):
    board = get_board("icebreaker")
    module = {"modules": {"top": {"cells": {}}}}
    direct = made(case, board, Direct(input_mhz=12), link)
    fast, slow = (made(case, board, board.pll_below(mhz), link) for mhz in (30, 20))
    assert not set_clock(module, "top", direct, fast)
    assert not set_clock(module, "top", fast, direct)
    assert not set_clock(module, "top", fast, slow)
