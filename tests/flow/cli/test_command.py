"""What all commands refuse alike, and by which name."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from spikewright.flow.cli.command import Command
from spikewright.flow.cli.main import app
from spikewright.golden.errors import ConfigurationError


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("plan", "p", "--board", "icebreaker"), "--clock"),
        (("plan", "p", "--board", "icebreaker"), "--at-least-fps"),
        (("build", "p", "--board", "icebreaker"), "--clock"),
        (("explore", "p", "--out", "e"), "--timeout"),
    ],
)
def test_a_number_must_be_finite(command, option, value):
    found = CliRunner().invoke(app, [*command, option, value])
    if isinstance(found.exception, ConfigurationError):
        assert str(found.exception) == f"{option}: must be a finite number, found {value}"
    else:  # NaN is below every least number to some versions of typer
        assert value == "nan" and found.exit_code == 2
        assert f"Invalid value for '{option}'" in found.output


@pytest.mark.parametrize(
    ("option", "value"),
    [("--at-least-fps", "0"), ("--at-most-latency", "-2.5"), ("--at-most-latency", "0")],
)
def test_a_limit_is_told_by_its_option_and_in_its_unit(option, value):
    found = CliRunner().invoke(app, ["plan", "p", "--board", "icebreaker", option, value])
    assert isinstance(found.exception, ConfigurationError)
    assert str(found.exception) == f"{option}: must be above 0, found {value}"


@pytest.mark.parametrize(
    ("given", "link"),
    [
        ("p", None),
        ("p --link", "usual"),
        ("--link p", "usual"),
        ("--link --fast p", "usual"),
        ("p --link --fast", "usual"),
        ("p --link spi", "spi"),
        ("p --link=spi", "spi"),
    ],
)
def test_an_option_in_brackets_may_stand_alone(given, link):
    found = []

    def command(
        folder: str,
        link: Annotated[str | None, typer.Option(metavar="[usual|uart|spi]")] = None,
        fast: Annotated[bool, typer.Option("--fast")] = False,
    ) -> None:
        found.append((folder, link, fast))

    made = typer.Typer()
    made.command(cls=Command)(command)
    assert CliRunner().invoke(made, given.split()).exit_code == 0
    assert found == [("p", link, "--fast" in given)]
