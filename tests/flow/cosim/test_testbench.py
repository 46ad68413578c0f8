import numpy as np
import pytest

from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.cosim.testbench import Status, read_batch, render, write_batch
from support.standin import write_standin


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(write_standin(tmp_path / "generated"))


def test_only_verilator_sees_its_marks(manifest):
    assert render(manifest, public=True).count("/*verilator public_flat_rw*/") == 2
    assert "verilator" not in render(manifest, public=False)


def test_batch_files_are_big_endian(manifest, tmp_path):
    write_batch(
        tmp_path,
        manifest,
        [np.array([1, 258], dtype=np.uint64)],
        samples=1,
        limits=[7, 8],
        watchdog=99,
        input_patterns=["011"],
        output_pattern="01",
        steps=5,
        calm=6,
    )
    assert (tmp_path / "input_0.bin").read_bytes() == bytes([0, 0, 0, 1, 0, 0, 1, 2])
    control = np.fromfile(tmp_path / "control.bin", dtype=">u4").tolist()
    assert control == [1, 99, 64, 5, 6, 2, 0, 1, 2, 3, 0, 1, 1, 7, 8]


def test_counters_wrap(manifest, tmp_path):
    before = [2**32 - 5, 0, 0, 0, 0, 0, 0]
    after = [5, 1, 2, 3, 4, 5, 6]
    report = [*before, *after, Status.DONE, 0, 10, 4, 3, 2, 9, 1, 8]
    np.array(report, dtype="=u4").tofile(tmp_path / "status.bin")
    for name in ("stream_0", "stream_1", "starts_0", "finishes"):
        np.arange(32, dtype="=u4").tofile(tmp_path / f"{name}.bin")
    result = read_batch(tmp_path, manifest)
    assert result.status is Status.DONE
    assert (result.cycles, result.accepted, result.refused.tolist()) == (10, 4, [3])
    assert result.counters.tolist() == [10, 1, 2, 3, 4, 5, 6]
    assert result.start == 0
    assert result.stalls.tolist() == [9, 8]
    assert [stream.tolist() for stream in result.streams] == [[0, 1], [0]]
