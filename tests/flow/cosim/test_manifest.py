import json

import pytest

from spikewright.flow.cosim.manifest import Host, read_manifest
from spikewright.flow.cosim.streams import OUTPUT
from spikewright.flow.files import file_hash
from spikewright.golden.errors import FileError
from spikewright.golden.spec import Mode
from support.standin import write_standin


def edit(folder, change):
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_reads_what_a_testbench_needs(tmp_path):
    manifest = read_manifest(write_standin(tmp_path))
    assert manifest.mode is Mode.STEPWISE
    assert [probe.name for probe in manifest.probes] == ["relay", OUTPUT]
    assert manifest.probes[0].valid == "dut.probe_0_valid"
    assert manifest.output.payload == "o_payload"
    assert [(source.name, source.port) for source in manifest.inputs] == [("x", "i")]
    assert manifest.cores[0].name == "relay"
    assert manifest.cores[0].ports[1] == "counters__core0__synops"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema=1), "schema must be 7, found 1; generate the accelerator again"),
        (lambda d: d.pop("counters"), "must be whole, found KeyError 'counters'"),
        (lambda d: d["counters"]["cores"][0].pop("hosts"), "must be whole, found KeyError 'hosts'"),
        (lambda d: d["streams"].update(inputs=[]), "must be whole, found ValueError no input"),
        (lambda d: d.update(mode="fast"), "must be whole, found ValueError"),
        (lambda d: d["probes"][0]["layout"].pop("kind"), "a layout must give"),
        (lambda d: d.update(verilog_hash="00"), "Verilog must be the one that the manifest"),
        (
            lambda d: d.update(verilog="gone.v"),
            "the Verilog must lie beside its manifest, found no gone.v",
        ),
    ],
)
def test_damaged_manifest(tmp_path, change, message):
    write_standin(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(FileError, match=message):
        read_manifest(tmp_path)


def test_right_hash_is_accepted(tmp_path):
    write_standin(tmp_path)
    edit(tmp_path, lambda d: d.update(verilog_hash=file_hash(tmp_path / "accelerator.v")))
    read_manifest(tmp_path)


def test_hosts(tmp_path):
    write_standin(tmp_path)
    hosts = [{"population": "a", "channels": [0, 4]}, {"population": "b", "channels": None}]
    edit(tmp_path, lambda d: d["counters"]["cores"][0].update(hosts=hosts))
    assert read_manifest(tmp_path).cores[0].hosts == (
        Host(population="a", channels=(0, 4)),
        Host(population="b", channels=None),
    )


def test_missing_folder(tmp_path):
    with pytest.raises(FileError, match="manifest.json: the file must be readable"):
        read_manifest(tmp_path / "none")
