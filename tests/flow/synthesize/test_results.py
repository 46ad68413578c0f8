"""What is read from nextpnr's report and log."""

from spikewright.flow.synthesize.results import overflow, read_path, read_speed, read_used, sizes


def pin(cell, port):
    return {"cell": cell, "loc": [0, 0], "port": port}


CLOCK = "posedge $glbnet$clock"
REPORT = {
    "fmax": {"clk25_0__io": {"achieved": 400.0}, "$glbnet$clock": {"achieved": 123.4}},
    "critical_paths": [
        {
            "from": "<async>",
            "to": CLOCK,
            "path": [
                {"type": "source", "delay": 9.0, "from": pin("x", "Q"), "to": pin("x", "Q")},
            ],
        },
        {
            "from": CLOCK,
            "to": CLOCK,
            "path": [
                {"type": "clk-to-q", "delay": 0.5, "from": pin("a", "Q"), "to": pin("a", "Q")},
                {
                    "type": "routing",
                    "delay": 1.0,
                    "from": pin("a", "Q"),
                    "to": pin("b", "A"),
                    "sources": [
                        "/x/hdl/soma.py:7",
                        "/y/amaranth/lib/fifo.py:3",
                        "/z/ecp5/cells_map.v:9.1-9.2",
                    ],
                },
                {"type": "logic", "delay": 0.25, "from": pin("b", "A"), "to": pin("b", "F")},
                {"type": "setup", "delay": 0.0, "from": pin("c", "DI"), "to": pin("c", "DI")},
            ],
        },
    ],
    "utilization": {
        "TRELLIS_COMB": {"used": 10, "available": 83640},
        "DP16KD": {"used": 0, "available": 208},
    },
}


def test_speed_is_of_the_clock():
    assert read_speed(REPORT) == 123.4
    assert read_speed({"fmax": {"clk25_0__io": {"achieved": 400.0}}}) is None


def test_path_is_inside_the_clock():
    path = read_path(REPORT)
    assert (path.source, path.sink) == ("a.Q", "c.DI")
    assert (path.delay_ns, path.logic_ns, path.routing_ns) == (1.75, 0.75, 1.0)
    assert [s.code for s in path.segments] == ["", "hdl/soma.py:7", "", ""]
    assert read_path({"critical_paths": REPORT["critical_paths"][:1]}) is None


def test_path_as_text():
    assert read_path(REPORT).text().splitlines() == [
        "1.75 ns (0.75 logic, 1.00 routing)",
        "  from a.Q",
        "  to   c.DI",
        "     0.50  +0.50 clk-to-q  a.Q",
        "     1.50  +1.00 routing   b.A  (hdl/soma.py:7)",
        "     1.75  +0.25 logic     b.F",
        "     1.75  +0.00 setup     c.DI",
    ]


def test_used():
    assert read_used(REPORT) == {"TRELLIS_COMB": (10, 83640)}


def test_sizes_of_an_ecp5():
    used = {"TRELLIS_COMB": (5, 9), "TRELLIS_FF": (4, 9), "DP16KD": (3, 9), "MULT18X18D": (2, 9)}
    assert sizes("ecp5", used, "") == {
        "lut": 5,
        "ff": 4,
        "bram": 3,
        "spram": 0,
        "dsp": 2,
        "logic_cells": None,
    }


def test_sizes_of_an_ice40():
    log = """Info: Packing LUT-FFs..
Info:      359 LCs used as LUT4 only
Info:      288 LCs used as LUT4 and DFF
Info:      286 LCs used as DFF only
Info:       19 LCs used as CARRY only
"""
    used = {"ICESTORM_LC": (969, 5280), "ICESTORM_RAM": (4, 30)}
    assert sizes("ice40", used, log) == {
        "lut": 359 + 288 + 19,
        "ff": 288 + 286,
        "bram": 4,
        "spram": 0,
        "dsp": 0,
        "logic_cells": 969,
    }


def test_overflow():
    log = """Info: Device utilisation:
Info: 	         ICESTORM_LC:    5974/   5280   113%
Info: 	        ICESTORM_RAM:      30/     30   100%
Info: 	               SB_IO:       9/     39    23%
ERROR: Unable to place cell
"""
    assert overflow(log) == {"ICESTORM_LC": (5974, 5280)}
    assert overflow("ERROR: something else") == {}
