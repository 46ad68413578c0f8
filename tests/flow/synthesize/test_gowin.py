"""A Gowin netlist whose delays nextpnr knows computes what it computed before."""

from itertools import product

import pytest

from spikewright.flow.synthesize.gowin import make_timed

GND = 2


def netlist(cells, ports=None):
    return {"modules": {"top": {"cells": cells, "ports": ports or {}}}}


def table(inputs, init, output=50):
    pins = {f"I{k}": [10 + k] for k in range(inputs)}
    return {
        "type": f"LUT{inputs}",
        "parameters": {"INIT": init},
        "port_directions": dict.fromkeys(pins, "input") | {"F": "output"},
        "connections": {**pins, "F": [output]},
    }


def flip_flop(taken, output=60, kind="DFFE"):
    return {
        "type": kind,
        "parameters": {},
        "port_directions": {"D": "input", "CLK": "input", "CE": "input", "Q": "output"},
        "connections": {"D": [taken], "CLK": [3], "CE": [4], "Q": [output]},
    }


def value(cell, given):
    """What a table puts out; its first input is the lowest of the address."""
    bits = [cell["connections"][f"I{k}"][0] for k in range(int(cell["type"][-1]))]
    known = [given[bit] if isinstance(bit, int) else int(bit) for bit in bits]
    address = sum(bit << k for k, bit in enumerate(known))
    return int(cell["parameters"]["INIT"][::-1][address])


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_every_small_table(inputs):
    """All tables of one and two inputs, some of three; whatever they are given."""
    rows = 1 << inputs
    for number in range(0, 1 << rows, 1 if inputs < 3 else 7):
        init = f"{number:0{rows}b}"
        before, after = table(inputs, init), table(inputs, init)
        make_timed(netlist({"t": after}), "top")
        assert after["type"] == "LUT4" and len(after["parameters"]["INIT"]) == 16
        assert set(after["port_directions"]) == {"I0", "I1", "I2", "I3", "F"}
        for bits in product((0, 1), repeat=inputs):
            given = dict(zip((10, 11, 12), bits, strict=False))
            assert value(after, given) == value(before, given)


def test_a_table_of_four_stays():
    cell = table(4, "0110" * 4)
    make_timed(netlist({"t": cell}), "top")
    assert cell == table(4, "0110" * 4)


def test_a_flip_flop_that_its_own_table_feeds_stays():
    cells = {"t": table(4, "01" * 8), "f": flip_flop(50)}
    make_timed(netlist(cells), "top")
    assert set(cells) == {"t", "f"} and cells["f"] == flip_flop(50)


@pytest.mark.parametrize("why", ["another reads it", "a port", "a flip-flop", "a constant"])
def test_other_flip_flops_get_a_table_that_does_nothing(why):
    cells = {"t": table(4, "01" * 8), "f": flip_flop(50)}
    ports = {}
    if why == "another reads it":
        cells["g"] = table(1, "10", output=51)
        cells["g"]["connections"]["I0"] = [50]
    elif why == "a port":
        ports = {"q": {"direction": "output", "bits": [50]}}
    elif why == "a flip-flop":
        cells["f"], cells["g"] = flip_flop(61), flip_flop(50, output=61)
    else:
        cells["f"] = flip_flop("1")
    taken = cells["f"]["connections"]["D"][0]
    make_timed(netlist(cells, ports), "top")
    fed = cells["f$fed"]
    assert cells["f"]["connections"]["D"] == fed["connections"]["F"] != [taken]
    for bit in (0, 1):
        assert value(fed, {taken: bit}) == (bit if isinstance(taken, int) else int(taken))
    # Its bit is nobody else's.
    others = [each for name, each in cells.items() if name not in ("f", "f$fed")]
    assert not any(fed["connections"]["F"] in each["connections"].values() for each in others)


def memory(writes):
    pins = {
        "AD": list(range(20, 34)), "BLKSEL": [GND] * 3, "CE": [5], "CLK": [3], "OCE": [6],
        "RESET": [GND], "WRE": [7 if writes else GND], "DI": [GND] * 36,
        "DO": list(range(100, 136)),
    }  # fmt: skip
    return {
        "type": "SPX9",
        "parameters": {
            "BIT_WIDTH": "100100", "BLK_SEL": "000", "READ_MODE": "0", "RESET_MODE": "ASYNC",
            "WRITE_MODE": "10", "INIT_RAM_00": "0101",
        },
        "port_directions": {pin: "output" if pin == "DO" else "input" for pin in pins},
        "connections": pins,
    }  # fmt: skip


def test_a_memory_that_is_only_read_reads_by_its_second_port():
    cell = memory(writes=False)
    make_timed(netlist({"m": cell}), "top")
    pins, says = cell["connections"], cell["parameters"]
    assert cell["type"] == "SDPX9B"
    assert pins["ADB"] == list(range(20, 34)) and pins["DO"] == list(range(100, 136))
    assert (pins["CLKB"], pins["CEB"], pins["OCE"], pins["RESETB"]) == ([3], [5], [6], [GND])
    # The first one never writes.
    assert pins["CEA"] == [GND] and pins["CLKA"] == [3] and pins["ADA"] == [GND] * 14
    assert says == {
        "BIT_WIDTH_0": "100100", "BIT_WIDTH_1": "100100", "BLK_SEL_0": "000", "BLK_SEL_1": "000",
        "READ_MODE": "0", "RESET_MODE": "ASYNC", "INIT_RAM_00": "0101",
    }  # fmt: skip
    assert set(cell["port_directions"]) == set(pins) and cell["port_directions"]["DO"] == "output"


def test_a_memory_that_is_written_stays():
    cell = memory(writes=True)
    make_timed(netlist({"m": cell}), "top")
    assert cell == memory(writes=True)
