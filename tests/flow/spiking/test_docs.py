"""The example of the documentation runs as it stands."""

import json
import re
import sys

import pytest

from spikewright.flow.cli.main import main


def test_the_example(request, tmp_path, monkeypatch):
    text = (request.config.rootpath / "docs" / "spiking.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (commands,) = re.findall(r"```\n(spikewright .*?)```", text, re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("example")
    monkeypatch.delitem(sys.modules, "example")
    for line in commands.splitlines()[:-1]:  # a build takes its time, and is tested elsewhere
        monkeypatch.setattr("sys.argv", line.split())
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, line
    summary = json.loads((tmp_path / "p" / "summary.json").read_text())
    assert summary["accuracy"]["stepwise"]["20"] > 0.95
    assert summary["cosim"]["mismatches"] == 0
