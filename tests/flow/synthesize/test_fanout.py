"""Drivers that are copied: which, how often, and that nothing is computed otherwise."""

import copy
import random
from collections import Counter
from zlib import crc32

import pytest

from spikewright.flow.synthesize.fanout import limit_fanout

NAME = "a.core_0."
LIMIT = 8


def lut(inputs, output, table):
    pins = dict(zip("ABCD", ([bit] for bit in inputs), strict=True)) | {"Z": [output]}
    return cell("LUT4", pins, {"INIT": table}, "Z")


def register(source, output, enable="1"):
    return cell("TRELLIS_FF", {"CLK": [2], "DI": [source], "CE": [enable], "Q": [output]}, {}, "Q")


def cell(kind, pins, parameters, output):
    directions = {pin: "output" if pin == output else "input" for pin in pins}
    return {
        "type": kind,
        "parameters": parameters,
        "connections": pins,
        "port_directions": directions,
    }


def netlist(cells, outputs=()):
    ports = {"o": {"bits": list(outputs)}}
    names = {name: {"bits": each["connections"].get("Q", [])} for name, each in cells.items()}
    return {"modules": {"top": {"cells": cells, "ports": ports, "netnames": names}}}


def cells_of(design):
    return design["modules"]["top"]["cells"]


def reached(design):
    """Pins by bit."""
    return Counter(
        bit
        for each in cells_of(design).values()
        for pin, bits in each["connections"].items()
        for bit in bits
        if each["port_directions"][pin] == "input" and pin != "CLK" and isinstance(bit, int)
    )


def states(design, cycles):
    """Every register of the design as it was, cycle by cycle, with those that are copies."""
    cells = cells_of(design)
    registers = {
        name: each["connections"] for name, each in cells.items() if "Q" in each["connections"]
    }
    values = {
        pins["Q"][0]: crc32(name.split("$copy")[0].encode()) & 1 for name, pins in registers.items()
    }
    drivers = {
        each["connections"]["Z"][0]: each for each in cells.values() if "Z" in each["connections"]
    }
    seen = []

    def value(bit, known):
        if isinstance(bit, str):
            return int(bit)
        if bit not in known:
            pins = drivers[bit]["connections"]
            place = sum(value(pins[pin][0], known) << k for k, pin in enumerate("ABCD"))
            known[bit] = drivers[bit]["parameters"]["INIT"] >> place & 1
        return known[bit]

    for _ in range(cycles):
        known = dict(values)
        for pins in registers.values():
            if value(pins["CE"][0], known):
                values[pins["Q"][0]] = value(pins["DI"][0], known)
        seen.append({name: values[pins["Q"][0]] for name, pins in registers.items()})
    return seen


def random_design(seed):
    """Registers in a ring of random logic, of which some reach very many."""
    chance = random.Random(seed)
    bits, cells = list(range(10, 130)), {}
    few = bits[:6]
    for k, bit in enumerate(bits[:60]):
        source = chance.choice([*few, *few, *bits])
        cells[f"{NAME}ff_{k}"] = register(source, bit, chance.choice(["1", *few]))
    for k, bit in enumerate(bits[60:]):
        earlier = [*few, *few, *bits[: 60 + k]]
        inputs = [chance.choice(earlier) for _ in range(4)]
        cells[f"{NAME}lut_{k}"] = lut(inputs, bit, chance.getrandbits(16))
    return netlist(cells, few)


@pytest.mark.parametrize("seed", range(4))
def test_copies_compute_the_same(seed):
    before = random_design(seed)
    after = copy.deepcopy(before)
    assert max(reached(before).values()) > 2 * LIMIT
    added = limit_fanout(after, "top", {0: LIMIT})
    assert added == len(cells_of(after)) - len(cells_of(before)) > 0
    assert max(reached(after).values()) <= LIMIT
    for was, now in zip(states(before, 40), states(after, 40), strict=True):
        assert {name: now[name.split("$copy")[0]] for name in now} == now
        assert {name: now[name] for name in was} == was
    # Whoever looks at the ports sees the drivers that were there.
    assert after["modules"]["top"]["ports"] == before["modules"]["top"]["ports"]


def test_a_copy_of_something_else_is_found():
    """The check above can fail: a copy that takes another bit is seen."""
    before = random_design(0)
    after = copy.deepcopy(before)
    limit_fanout(after, "top", {0: LIMIT})
    for name, each in cells_of(after).items():
        if "$copy" in name:
            each["connections"]["DI"] = ["1"]
    assert any(
        now[name] != now[name.split("$copy")[0]] for now in states(after, 40) for name in now
    )


def wide(driver, loads=20, **other):
    cells = {f"{NAME}x": driver}
    cells |= {f"{NAME}ff_{k}": register(10, 100 + k) for k in range(loads)}
    return netlist(cells | other)


def test_neighbours_share_a_driver():
    design = wide(register("1", 10), loads=20)
    assert limit_fanout(design, "top", {0: 10}) == 1
    cells = cells_of(design)
    (new,) = cells[f"{NAME}x$copy1"]["connections"]["Q"]
    sources = [cells[f"{NAME}ff_{k}"]["connections"]["DI"] for k in range(20)]
    assert sources == [[10]] * 10 + [[new]] * 10
    assert design["modules"]["top"]["netnames"][f"{NAME}x$copy1_Q"]["bits"] == [new]


def test_a_table_is_copied_and_then_what_it_takes():
    sources = {f"{NAME}s_{k}": register("1", 3 + k) for k in range(2)}
    design = wide(lut([3, 3, 4, "0"], 10, 0x1234), loads=8 * LIMIT, **sources)
    assert limit_fanout(design, "top", {0: LIMIT}) == 7 + 1
    cells = cells_of(design)
    tables = {name: each for name, each in cells.items() if each["type"] == "LUT4"}
    assert {each["parameters"]["INIT"] for each in tables.values()} == {0x1234}
    assert len({each["connections"]["Z"][0] for each in tables.values()}) == len(tables) == 8
    # Only the one that two pins of each table take reaches too many of them.
    takes = Counter(bit for each in tables.values() for bit in each["connections"]["A"])
    assert sorted(takes.values()) == [4, 4] and max(reached(design).values()) <= LIMIT


def test_a_copy_gets_a_bit_that_nothing_else_has():
    design = wide(register("1", 10))
    names = design["modules"]["top"]["netnames"]
    names["of_no_cell"] = {"bits": [120]}
    assert limit_fanout(design, "top", {0: LIMIT}) == 2
    bits = [bit for each in names.values() for bit in each["bits"]]
    assert len(bits) == len(set(bits))


@pytest.mark.parametrize(
    "design",
    [
        wide(cell("CCU2C", {"A0": [3], "S0": [10]}, {}, "S0")),
        wide(cell("DP16KD", {"ADA0": [3], "DOA0": [10]}, {}, "DOA0")),
        wide(cell("PFUMX", {"ALUT": [3], "BLUT": [4], "C0": [5], "Z": [10]}, {}, "Z")),
        wide(cell("SB_LUT4", {"I0": [3], "O": [10]}, {}, "O")),
        wide(register("1", 10), loads=8),
    ],
    ids=["carry", "ram", "two tables", "table of an ice40", "few"],
)
def test_what_stays(design):
    before = copy.deepcopy(design)
    assert limit_fanout(design, "top", {0: LIMIT}) == 0
    assert design == before


def test_only_cores_that_limit_it():
    design = wide(register("1", 10))
    before = copy.deepcopy(design)
    assert limit_fanout(design, "top", {}) == limit_fanout(design, "top", {1: LIMIT}) == 0
    assert design == before


def test_enables_of_an_ice40_stay_on_global_wires():
    cells = {f"{NAME}x": cell("SB_DFF", {"C": [2], "D": ["1"], "Q": [10]}, {}, "Q")}
    for k in range(40):
        pins = {"C": [2], "D": ["0"], "E": [10], "Q": [100 + k]}
        cells[f"{NAME}ff_{k}"] = cell("SB_DFFE", pins, {}, "Q")
    design = netlist(cells)
    assert limit_fanout(design, "top", {0: LIMIT}) == 0
    for k in range(9):
        cells[f"{NAME}d_{k}"] = cell("SB_DFF", {"C": [2], "D": [10], "Q": [200 + k]}, {}, "Q")
    assert limit_fanout(design, "top", {0: LIMIT}) == 1
    assert {each["connections"]["E"][0] for name, each in cells.items() if "ff" in name} == {10}
