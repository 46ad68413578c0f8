"""What long work says where there is no terminal."""

import re

from spikewright.flow.cli import console


def test_it_says_what_it_does_and_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(console, "_LINE_SECONDS", 0.0)
    with console.working("plan for [a]") as advance:
        advance(0.25, "3 plans")
        advance(0.25, "3 plans")
        advance(0.5)
    said = capsys.readouterr().err
    lines = ["plan for [a] ...", "plan for [a]: 25%, 3 plans", "plan for [a]: 50%"]
    assert said.splitlines()[:-1] == lines
    assert re.fullmatch(r"plan for \[a\]: \d\.\d s", said.splitlines()[-1])


def test_it_does_not_say_so_all_the_time(capsys):
    with console.working("work") as advance:
        for k in range(100):
            advance(k / 100)
    assert len(capsys.readouterr().err.splitlines()) == 2
