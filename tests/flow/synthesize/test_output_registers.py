"""Flip-flops that go into block RAM: which, and that nothing is computed otherwise."""

import copy
import json
import re

import pytest
from amaranth.back import rtlil

from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize.output_registers import use_output_registers
from spikewright.flow.synthesize.tools import run, yosys_tool
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl.make_configs import node_layouts
from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check
from support.gates import ecp5_gates

CLOCK, ENABLE = 2, 3
NARROW, WIDE = f"{18:032b}", f"{36:032b}"


def ram(outputs, width=NARROW):
    """A block RAM of which port A has those bits."""
    pins, directions, says = {}, {}, {"DATA_WIDTH_A": width, "DATA_WIDTH_B": width}
    for port in "AB":
        says[f"REGMODE_{port}"] = "NOREG"
        for pin, bit in (("CLK", CLOCK), ("OCE", "1"), ("RST", "0")):
            pins[pin + port], directions[pin + port] = [bit], "input"
        for k in range(18):
            pins[f"DO{port}{k}"], directions[f"DO{port}{k}"] = [f"{port}{k}"], "output"
    for k, bit in enumerate(outputs):
        pins[f"DOA{k}"] = [bit]
    return {
        "type": "DP16KD",
        "parameters": says,
        "connections": pins,
        "port_directions": directions,
    }


def register(source, target, *, clock=CLOCK, enable=None, reset=None, start="RESET", kind=None):
    pins = {"CLK": [clock], "DI": [source], "Q": [target]}
    pins |= {} if enable is None else {"CE": [enable]}
    pins |= {} if reset is None else {"LSR": [reset]}
    return {
        "type": kind or "TRELLIS_FF",
        "parameters": {
            "CEMUX": "1 " if enable is None else "CE",
            "CLKMUX": "CLK",
            "REGSET": start,
        },
        "connections": pins,
        "port_directions": {pin: "output" if pin == "Q" else "input" for pin in pins},
    }


def netlist(*registers, outside=()):
    """Port A's bits 100, 101, ... each in front of one of the registers."""
    cells = {"ram": ram([100 + k for k in range(len(registers))])}
    cells |= {f"ff_{k}": each for k, each in enumerate(registers)}
    ports = {"o": {"bits": [*outside]}}
    return {"modules": {"top": {"cells": cells, "ports": ports}}}


def cells_of(design):
    return design["modules"]["top"]["cells"]


def test_registers_behind_a_port():
    design = netlist(register(100, 7), register(101, 8), outside=[7, 8])
    assert use_output_registers(design, "top") == 2
    left = cells_of(design)
    assert list(left) == ["ram"]
    assert [left["ram"]["connections"][f"DOA{k}"] for k in range(3)] == [[7], [8], ["A2"]]
    assert modes(design) == ["OUTREG", "NOREG"]
    assert enables(design) == [["1"], ["1"]]


def modes(design):
    return [cells_of(design)["ram"]["parameters"][f"REGMODE_{port}"] for port in "AB"]


def enables(design):
    return [cells_of(design)["ram"]["connections"][f"OCE{port}"] for port in "AB"]


def test_registers_with_an_enable():
    design = netlist(register(100, 7, enable=ENABLE), register(101, 8, enable=ENABLE))
    assert use_output_registers(design, "top") == 2
    assert modes(design) == ["OUTREG", "NOREG"]
    assert enables(design) == [[ENABLE], ["1"]]


def wide(*others, clock=CLOCK):
    """A word of 36 bits: one in the half of port A, the others in that of port B."""
    design = netlist(register(100, 7, enable=ENABLE))
    cells_of(design)["ram"] = ram([100], WIDE)
    pins = cells_of(design)["ram"]["connections"]
    pins["OCEA"], pins["CLKA"] = ["0"], [clock]  # it writes
    cells_of(design).update({f"other_{k}": each for k, each in enumerate(others)})
    return design


def test_both_halves_of_a_wide_word():
    design = wide(register("B0", 8, enable=ENABLE), register("B1", 9, enable=ENABLE))
    assert use_output_registers(design, "top") == 3
    assert list(cells_of(design)) == ["ram"]
    pins = cells_of(design)["ram"]["connections"]
    assert [pins["DOA0"], pins["DOB0"], pins["DOB1"]] == [[7], [8], [9]]
    assert modes(design) == ["OUTREG", "OUTREG"]
    assert enables(design) == [[ENABLE], [ENABLE]]


def test_a_wide_word_that_nobody_writes():
    design = wide(register("B0", 8, enable=ENABLE), clock="0")
    ram = cells_of(design)["ram"]
    pins, ram["port_directions"]["CEA"] = ram["connections"], "input"
    pins["CEA"] = ["0"]
    assert use_output_registers(design, "top") == 2
    assert modes(design) == ["OUTREG", "OUTREG"]
    assert [pins["CLKA"], pins["CLKB"]] == [[CLOCK], [CLOCK]]


@pytest.mark.parametrize(
    "design",
    [
        wide(register("B0", 8)),
        wide(register("B0", 8, enable=9)),
        wide(register("B0", 8, enable=ENABLE, kind="LUT4")),
        wide(register("B0", 8, enable=ENABLE), clock=9),
    ],
    ids=["always", "another", "logic", "clocks"],
)
def test_a_wide_word_stays_where_a_half_must(design):
    before = copy.deepcopy(design)
    assert use_output_registers(design, "top") == 0
    assert design == before


def test_enables_and_resets_that_say_nothing():
    design = netlist(register(100, 7, enable="1"), register(101, 8, reset="0"))
    assert use_output_registers(design, "top") == 2


@pytest.mark.parametrize(
    "other",
    [
        {"clock": 9},
        {"enable": ENABLE},
        {"reset": 9},
        {"start": "SET"},
        {"kind": "LUT4"},
        {"outside": [101]},
        {"read_twice": True},
        {"holds": True},
        {"resets": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_port_stays_where_one_register_must(other):
    outside = other.pop("outside", ())
    again = [register(100, 9)] if other.pop("read_twice", False) else []
    holds, resets = other.pop("holds", False), other.pop("resets", False)
    design = netlist(register(100, 7), register(101, 8, **other), outside=outside)
    for k, each in enumerate(again):
        cells_of(design)[f"again_{k}"] = each
    if holds:
        cells_of(design)["ram"]["connections"]["OCEA"] = [ENABLE]
    if resets:
        cells_of(design)["ram"]["connections"]["RSTA"] = [ENABLE]
    before = copy.deepcopy(design)
    assert use_output_registers(design, "top") == 0
    assert design == before


def test_ports_by_themselves():
    design = netlist(register(100, 7))
    cells_of(design)["other"] = register("B0", 8, reset=9)
    assert use_output_registers(design, "top") == 1
    assert cells_of(design)["ram"]["parameters"]["REGMODE_B"] == "NOREG"


def case(sizes=(40, 12, 5), **options):
    network = bounded_chain(sizes, seed=3, bits=4)
    return Case(
        network=network,
        plan=default_plan(network, Mode.COLLAPSED, **options),
        inputs={network.inputs[0].name: inputs_for(network, 6)},
        steps=None,
        keep=None,
        stalls=(None, None),
    )


@pytest.fixture
def small():
    # 18 bits for each of 4 blocks: whole ports of a block RAM.
    return case(lanes=4)


@pytest.fixture
def block():
    # 6 words of membranes for the first layer, read over and over.
    return case(lanes=2, membranes=MembraneStore.BLOCK)


def test_gates_with_output_registers_and_copies(small, tmp_path):
    moved = []

    def mapped(verilog):
        files, number = ecp5_gates(verilog, tmp_path, fanouts={0: 8, 1: 16})
        moved.append(number)
        return files

    check(small, tmp_path, mapped=mapped)
    assert moved == [16]
    assert "$copy" in (tmp_path / "gates.v").read_text()


def test_gates_of_a_queue_in_block_ram(tmp_path):
    """Its words, of which spikes fill many, are read into the RAM's own register."""
    queued = case((300, 4), lanes=1, queue_depth=200)
    width = node_layouts(queued.network, queued.plan)["x"].width
    moved = []

    def mapped(verilog):
        files, number = ecp5_gates(verilog, tmp_path)
        moved.append(number)
        return files

    check(queued, tmp_path, mapped=mapped)
    assert moved == [width + 4]  # and a weight


def test_a_queue_as_it_is_built(tmp_path):
    """Of RTLIL, in which a port with a register of its own is another cell than in Verilog."""
    layout = TokenLayout(axes=axes_of((784,)), low=0, high=1)
    (tmp_path / "top.il").write_text(rtlil.convert(SpikeQueue(layout=layout, depth=400)))
    script = "read_rtlil top.il; synth_ecp5 -top top; write_json top.json"
    run(yosys_tool(), ("-q", "-p", script), tmp_path, log="yosys.log")
    made = json.loads((tmp_path / "top.json").read_text())
    assert use_output_registers(made, "top") == layout.width


def words(gates):
    """Block RAMs that are read in words of 36 bits, as text."""
    return [
        each for each in re.findall(r"DP16KD #\(.*?\);", gates, re.DOTALL) if "_B(32'd36)" in each
    ]


def test_gates_of_membranes_in_block_ram(block, tmp_path):
    def mapped(verilog):
        files, _ = ecp5_gates(verilog, tmp_path)
        (membranes,) = words(files[0].read_text())
        assert membranes.count('("OUTREG")') == 2
        assert "_A(32'd36)" in membranes
        return files

    check(block, tmp_path, mapped=mapped)


@pytest.mark.parametrize("pin", ["OCEA", "OCEB"])
def test_an_enable_that_is_lost_is_found(block, tmp_path, pin):
    def mapped(verilog):
        files, _ = ecp5_gates(verilog, tmp_path)
        gates = files[0].read_text()
        (membranes,) = words(gates)
        lost = re.sub(rf"\.{pin}\(.*?\),\n", f".{pin}(1'h1),\n", membranes)
        assert lost != membranes
        files[0].write_text(gates.replace(membranes, lost))
        return files

    with pytest.raises(MismatchError):
        check(block, tmp_path, mapped=mapped)


def test_a_register_too_many_is_found(small, tmp_path):
    def mapped(verilog):
        files, _ = ecp5_gates(verilog, tmp_path, absorb=False)
        gates = files[0].read_text()
        assert '.REGMODE_A("NOREG")' in gates
        files[0].write_text(gates.replace('.REGMODE_A("NOREG")', '.REGMODE_A("OUTREG")'))
        return files

    with pytest.raises(MismatchError):
        check(small, tmp_path, mapped=mapped)
