"""``spikewright explore``: what it refuses, and with what exit code."""

import pytest
from typer.testing import CliRunner

from spikewright.flow.cli.main import app
from spikewright.flow.explore.stage import Stopped
from spikewright.golden.errors import ConfigurationError, FileError


def invoke(*arguments):
    return CliRunner().invoke(app, ["explore", *map(str, arguments)])


def test_help_teaches():
    shown = invoke("--help").output
    for text in ("front.png", "--scheduler", "--local-fallback", "--qat-epochs"):
        assert text in shown
    assert "spikewright generate q --plan" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--local-fallback",), "--local-fallback must come with --scheduler"),
        (("--scheduler", "tcp://a:1", "--workers", "2"), "--workers must be left out"),
        (("--modes", "fast"), "--modes: must be one of stepwise, settle, collapsed"),
        (("--modes", "settle", "--steps", "4"), "--steps: must be given with the mode stepwise"),
        (("--boards", "de10"), "the board must be one of"),
        (("--levels", "0"), "--levels: must be at least 1"),
        (("--weight-bits", "9"), "--weight-bits: must lie in 2..8, found 9"),
        (("--lanes", "8,8"), "--lanes: must name every choice once, found 8, 8"),
        (("--lanes", "x"), "--lanes: must be integers"),
    ],
)
def test_refused(options, message, tmp_path):
    found = invoke(tmp_path / "p", "--out", tmp_path / "e", *options)
    assert isinstance(found.exception, ConfigurationError)
    assert message in str(found.exception)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_says_what_is_kept(tmp_path, monkeypatch):
    def stop(*given, **named):
        raise Stopped(3, 8)

    monkeypatch.setattr("spikewright.flow.explore.stage.explore_stage", stop)
    (tmp_path / "summary.json").write_text('{"schema": 1}')
    found = invoke(tmp_path, "--out", tmp_path / "e")
    assert found.exit_code == 130
    assert found.stderr == "stopped: 3 of 8 trials are kept; the same command goes on\n"


def test_no_project(tmp_path):
    found = invoke(tmp_path / "p", "--out", tmp_path / "e")
    assert isinstance(found.exception, FileError)
    assert "must be a project" in str(found.exception)
