"""A small network with a stored sample; tools that only pretend; and real ones."""

import json

import pytest

from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import stored_sample, synthesize
from spikewright.flow.synthesize.tools import Tool
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for

MODULE = "spikewright.flow.synthesize.build"


class Case:
    """A network, its plan, and a stored sample."""

    def __init__(self, sizes=(8, 4, 3), *, lanes=2, mode=Mode.COLLAPSED, bits=4):
        self.network = bounded_chain(sizes, seed=3, bits=bits)
        self.plan = default_plan(self.network, mode, lanes=lanes)
        self.sample = stored_sample(self.network, mode, inputs_for(self.network, 3)[2:])

    def build(self, board, folder, **options):
        return synthesize(
            self.network,
            self.plan,
            board,
            folder,
            sample=self.sample,
            **options,
        )


@pytest.fixture(scope="session")
def case():
    return Case()


@pytest.fixture
def make_case():
    return Case


NEXTPNR = """
import json, os, re, sys
settings = json.loads(os.environ["PRETEND"])
arguments = dict(zip(sys.argv[1:], sys.argv[2:]))
open(settings["log"], "a").write("nextpnr " + arguments["--seed"] + "\\n")
print(settings.get("says", "nothing to say"))
print("Info: Routing..")
sys.stdout.flush()
if settings.get("late") and arguments["--router"] in settings["late"]:
    while True:
        pass
fmax = settings["fmax"]
if isinstance(fmax, dict):
    fmax = fmax[arguments["--seed"]]
constraint = float(arguments["--freq"])
pin = lambda name, port: {"cell": name, "loc": [1, 1], "port": port}
path = [
    {"type": "clk-to-q", "delay": 0.5, "from": pin("a", "Q"), "to": pin("a", "Q")},
    {"type": "routing", "delay": 1.25, "from": pin("a", "Q"), "to": pin("b", "D"), "net": "n",
     "sources": ["/somewhere/hdl/soma.py:7", "/tools/cells_map.v:1"]},
    {"type": "setup", "delay": 0.25, "from": pin("b", "D"), "to": pin("b", "D")},
]
clock = "posedge $glbnet$clock"
report = {
    "fmax": {"$glbnet$clock": {"achieved": fmax, "constraint": constraint}},
    "critical_paths": [
        {"from": "<async>", "to": clock, "path": path[:1]},
        {"from": clock, "to": clock, "path": path},
    ],
    "utilization": {
        "TRELLIS_COMB": {"used": 100, "available": 83640},
        "TRELLIS_FF": {"used": 90, "available": 83640},
        "DP16KD": {"used": 3, "available": 208},
        "MULT18X18D": {"used": 0, "available": 156},
    },
}
open(arguments["--report"], "w").write(json.dumps(report))
open(arguments["--textcfg"], "w").write("routed " + arguments["--seed"])
sys.exit(settings.get("status", 0))
"""

YOSYS = """
import json, os
settings = json.loads(os.environ["PRETEND"])
open(settings["log"], "a").write("yosys\\n")
module = {"cells": settings.get("cells", {}), "ports": {}}
open("top.json", "w").write(json.dumps({"modules": {"top": module}}))
"""

PACKER = """
import sys
routed = open(sys.argv[sys.argv.index("--input") + 1]).read()
open(sys.argv[sys.argv.index("--bit") + 1], "w").write("bits of " + routed)
"""


@pytest.fixture
def pretend(monkeypatch, tmp_path_factory):
    """Replace the tools by ones that answer at once: nextpnr reports what it is told to, and each
    names itself in a log, whose path is returned.
    """

    def replace(yosys=YOSYS, **settings):
        log = tmp_path_factory.mktemp("tools") / "log"
        settings = {"fmax": 120.0, "log": str(log), **settings}
        monkeypatch.setenv("PRETEND", json.dumps(settings))
        codes = {"yosys_tool": yosys, "nextpnr_tool": NEXTPNR, "packer_tool": PACKER}
        names = {"yosys_tool": "yosys", "nextpnr_tool": "nextpnr-ecp5", "packer_tool": "ecppack"}
        for finder, code in codes.items():
            tool = Tool(name=names[finder], package="numpy", module="numpy", code=code)
            monkeypatch.setattr(f"{MODULE}.{finder}", lambda *_, tool=tool: tool)
        return log

    return replace
