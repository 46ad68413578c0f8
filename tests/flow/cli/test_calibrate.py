"""The command ``calibrate`` shows what is recorded."""

from spikewright.flow.area.designs import DESIGNS
from spikewright.flow.area.records import package_path, package_records
from support.cli import spikewright


def test_what_is_recorded_is_shown(tmp_path, monkeypatch):
    records = package_records("ice40")
    path = tmp_path / "sweep.json"
    path.write_bytes(package_path("ice40").read_bytes())
    recording = "spikewright.flow.area.recording"
    monkeypatch.setattr(f"{recording}.package_versions", lambda *names: dict(records.versions))
    # Where the hardware has changed since, what would be built anew is what was.
    monkeypatch.setattr(
        f"{recording}.record_design", lambda name, *rest, **options: records.find(name)
    )
    shown = spikewright("calibrate", "--family", "ice40", "--out", path, cwd=tmp_path).stdout
    lines = {line.split()[0]: line for line in shown.splitlines()}
    for record in records.designs:
        assert f"{record.luts:,}" in lines[record.name]
    assert {design.name for design in DESIGNS["ice40"]} <= set(lines)


def test_unknown_family(tmp_path):
    failed = spikewright("calibrate", "--family", "gowin", cwd=tmp_path, ok=False)
    assert failed.returncode == 2
    assert "the family must be one of ecp5, ice40, found 'gowin'" in failed.stderr
