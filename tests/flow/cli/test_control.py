"""The command ``control``, with a policy that has hardly learned."""

import json
from functools import partial
from pathlib import Path

import pytest

from spikewright.flow.cli.main import main
from spikewright.flow.control import PolicyTraining, measure


def test_control_tells_the_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "PolicyTraining", partial(PolicyTraining, updates=2, episodes=4))
    out = tmp_path / "p"
    asked = ["control", "--out", str(out), "--episodes", "3", "--steps", "4", "--seed", "1"]
    monkeypatch.setattr("sys.argv", ["spikewright", *asked])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    found = json.loads((out / "summary.json").read_text())["control"]
    assert found["episodes"] == 3 and [*found["modes"]] == ["stepwise T=4", "settle", "collapsed"]
    text = " ".join(capsys.readouterr().out.split())
    assert f"collapsed: return {found['modes']['collapsed']['return']:g}," in text
