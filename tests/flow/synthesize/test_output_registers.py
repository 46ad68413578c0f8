"""Flip-flops that go into block RAM: which, and that nothing is computed otherwise."""

import copy

import pytest

from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize.output_registers import use_output_registers
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check
from support.gates import ecp5_gates

CLOCK, ENABLE = 2, 3


def ram(outputs):
    """A block RAM of which port A has those bits."""
    pins, directions, says = {}, {}, {}
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
    assert left["ram"]["parameters"] == {"REGMODE_A": "OUTREG", "REGMODE_B": "NOREG"}


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
    cells_of(design)["other"] = register("B0", 8, enable=ENABLE)
    assert use_output_registers(design, "top") == 1
    assert cells_of(design)["ram"]["parameters"]["REGMODE_B"] == "NOREG"


@pytest.fixture
def small():
    # 18 bits for each of 4 blocks: whole ports of a block RAM.
    network = bounded_chain((40, 12, 5), seed=3, bits=4)
    return Case(
        network=network,
        plan=default_plan(network, Mode.COLLAPSED, lanes=4),
        inputs={network.inputs[0].name: inputs_for(network, 6)},
        steps=None,
        keep=None,
        stalls=(None, None),
    )


def test_gates_with_output_registers(small, tmp_path):
    moved = []

    def mapped(verilog):
        files, number = ecp5_gates(verilog, tmp_path)
        moved.append(number)
        return files

    check(small, tmp_path, mapped=mapped)
    assert moved == [16]


def test_a_register_too_many_is_found(small, tmp_path):
    def mapped(verilog):
        files, _ = ecp5_gates(verilog, tmp_path, absorb=False)
        gates = files[0].read_text()
        assert '.REGMODE_A("NOREG")' in gates
        files[0].write_text(gates.replace('.REGMODE_A("NOREG")', '.REGMODE_A("OUTREG")'))
        return files

    with pytest.raises(MismatchError):
        check(small, tmp_path, mapped=mapped)
