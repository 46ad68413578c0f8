"""Flip-flops that go into block RAM: which, and that nothing is computed otherwise."""

import copy
import json

import pytest
from amaranth.back import rtlil

from spikewright.flow.synthesize.output_registers import use_output_registers
from spikewright.flow.synthesize.tools import run, yosys_tool
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of

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


def test_a_queue_as_it_is_built(tmp_path):
    """Of RTLIL, in which a port with a register of its own is another cell than in Verilog."""
    layout = TokenLayout(axes=axes_of((784,)), low=0, high=1)
    (tmp_path / "top.il").write_text(rtlil.convert(SpikeQueue(layout=layout, depth=400)))
    script = "read_rtlil top.il; synth_ecp5 -top top; write_json top.json"
    run(yosys_tool(), ("-q", "-p", script), tmp_path, log="yosys.log")
    made = json.loads((tmp_path / "top.json").read_text())
    assert use_output_registers(made, "top") == layout.width
