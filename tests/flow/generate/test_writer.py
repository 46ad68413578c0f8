import json

import pytest

from spikewright.flow.files import file_hash
from spikewright.flow.generate import generate
from spikewright.flow.generate.writer import _check_names
from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import load_plan
from spikewright.golden.errors import ConfigurationError, FileError, ToolError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import HardwarePlan
from support.chains import bounded_chain

NETWORK = bounded_chain((6, 7, 3), seed=5)


@pytest.mark.parametrize("mode", NETWORK.modes)
def test_folder_holds_verilog_plan_and_manifest(tmp_path, mode):
    plan = default_plan(NETWORK, mode, lanes=4)
    generated = generate(NETWORK, plan, tmp_path / "out")
    assert sorted(p.name for p in generated.folder.iterdir()) == [
        "accelerator.v",
        "manifest.json",
        "plan.json",
    ]
    assert load_plan(generated.folder / "plan.json") == plan
    assert json.loads((generated.folder / "manifest.json").read_text()) == generated.manifest
    assert generated.manifest["verilog_hash"] == file_hash(generated.verilog)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_same_input_same_verilog(tmp_path):
    plan = default_plan(NETWORK, Mode.SETTLE)
    one, two = (generate(NETWORK, plan, tmp_path / name) for name in "ab")
    assert one.verilog.read_bytes() == two.verilog.read_bytes()
    assert one.manifest == two.manifest
    # Nor does it depend on where the sources lie.
    assert "site-packages" not in one.verilog.read_text()
    assert "(* src" not in one.verilog.read_text()


def test_other_files_stay(tmp_path):
    (tmp_path / "network.safetensors").write_text("mine")
    generate(NETWORK, default_plan(NETWORK, Mode.SETTLE), tmp_path)
    assert (tmp_path / "network.safetensors").read_text() == "mine"


def test_bad_plan_leaves_nothing(tmp_path):
    plan = HardwarePlan(mode=Mode.SETTLE, cores=())
    with pytest.raises(
        ConfigurationError, match="cores must host each of the 7 channels once, found no core"
    ):
        generate(NETWORK, plan, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_output(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(FileError, match="the output must be writable"):
        generate(NETWORK, default_plan(NETWORK, Mode.SETTLE), tmp_path / "out")


def test_lost_probe_is_an_error(tmp_path):
    generated = generate(NETWORK, default_plan(NETWORK, Mode.SETTLE), tmp_path)
    text = generated.verilog.read_text()
    _check_names(text, generated.manifest)
    with pytest.raises(ToolError, match="found no probe_1_ready$"):
        _check_names(text.replace("probe_1_ready", "merged"), generated.manifest)
