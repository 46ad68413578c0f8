"""What a side-car may say, and what is refused of it."""

import json
import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from spikewright.flow.nir import PRESETS, Discretisation, load_discretisation
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Reset


def written(tmp_path, data):
    path = tmp_path / "rule.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_presets_and_changes(tmp_path):
    data = {"preset": "sinabs", "bursts": None, "floor": 1, "dt": 2}
    found = load_discretisation(written(tmp_path, data))
    assert (found.bursts, found.floor, found.dt) == (None, 1, 2)
    assert found.reset is PRESETS["sinabs"].reset


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read(tmp_path, preset):
    rule = PRESETS[preset]
    assert load_discretisation(written(tmp_path, rule.as_dict())) == rule


def test_every_field_is_written_and_read(tmp_path):
    rule = Discretisation(
        dt=0.5,
        reset="value",
        compare="reached",
        decay="exponential",
        order="old",
        integral="time",
        floor=2.0,
        refractory=3,
        start="reset",
    )
    assert load_discretisation(written(tmp_path, rule.as_dict())) == rule
    rule = Discretisation(dt=1, reset="subtract", amount=0.5, reset_delay=True)
    assert load_discretisation(written(tmp_path, rule.as_dict())) == rule


def test_populations_of_their_own(tmp_path):
    data = {"preset": "snntorch", "populations": {"a": {"reset": "none"}, "b": {"refractory": 1}}}
    rule = load_discretisation(written(tmp_path, data))
    assert rule.of("a").reset is Reset.NONE
    assert (rule.of("b").reset, rule.of("b").refractory) == (Reset.VALUE, 1)
    assert rule.of("c") is rule
    assert load_discretisation(written(tmp_path, rule.as_dict())) == rule
    faster = rule.everywhere(dt=1e-3)
    assert {faster.dt, faster.of("a").dt, faster.of("b").dt} == {1e-3}
    with pytest.raises(ConfigurationError, match="of 'a': a population's own .* dt of the others"):
        Discretisation(dt=1.0, populations={"a": Discretisation(dt=2.0)})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"dt": 1, "tau": 2}, "a discretisation must have the keys amount, bursts, compare, "),
        ({"dt": 1, "tau": 2}, "refractory, reset, reset_delay, start, found tau"),
        ({"reset": "value"}, "dt must be given, found none"),
        ({"dt": 1, "populations": 3}, "populations must have a mapping each, by name, found 3"),
        ({"dt": 1, "populations": {"a": 3}}, "populations must have a mapping each, by name"),
        ({"dt": 1, "populations": {"a": {"dt": 2}}}, "a discretisation must have the keys amount"),
        ({"dt": 1, "populations": {"a": {"bursts": 2}}}, "several spikes a step must come with"),
        ({"preset": "spinnaker"}, "the preset must be one of snntorch, norse, sinabs, "),
        ({"preset": ["lava"]}, "the preset must be one of snntorch, norse, sinabs, "),
        ({"dt": "1"}, "dt must be a time above 0, found 1"),
        ({"dt": True}, "dt must be a time above 0, found True"),
        ({"dt": None}, "dt must be a time above 0, found None"),
        ({"dt": 0}, "dt must be a time above 0, found 0"),
        ({"dt": -1.0}, "dt must be a time above 0, found -1.0"),
        ({"dt": math.inf}, "dt must be a time above 0, found inf"),
        ({"dt": 1, "reset": "soft"}, "reset must be one of none, subtract, value, found 'soft'"),
        ({"dt": 1, "reset": 1}, "reset must be one of none, subtract, value, found 1"),
        ({"dt": 1, "compare": []}, "compare must be one of above, reached, found []"),
        ({"dt": 1, "decay": None}, "decay must be one of euler, exponential, once, found None"),
        ({"dt": 1, "reset_delay": 1}, "reset_delay must be true or false, found 1"),
        ({"dt": 1, "reset_delay": True}, "a reset with a delay must subtract, found value"),
        ({"dt": 1, "bursts": 1.0}, "bursts must be an integer of at least 1, or none, found 1.0"),
        ({"dt": 1, "bursts": 0}, "bursts must be an integer of at least 1, or none, found 0"),
        ({"dt": 1, "bursts": 2}, "several spikes a step must come with a subtraction"),
        ({"dt": 1, "floor": "a"}, "floor must be a number of at least 0, or none, found a"),
        ({"dt": 1, "floor": -1}, "floor must be a number of at least 0, or none, found -1"),
        ({"dt": 1, "amount": 1}, "amount must come with a subtraction, found value"),
        ({"dt": 1, "refractory": 1.5}, "refractory must be an integer from 0 to 255, found 1.5"),
        ({"dt": 1, "refractory": 256}, "refractory must be an integer from 0 to 255, found 256"),
        (
            {"dt": 1, "reset": "subtract", "bursts": None, "amount": 2},
            "several spikes a step must each subtract the threshold, at once",
        ),
        (
            {"dt": 1, "reset": "subtract", "reset_delay": True, "refractory": 1},
            "refractory must come without reset_delay",
        ),
    ],
)
def test_wrong_side_cars(tmp_path, data, text):
    path = written(tmp_path, data)
    with pytest.raises(ConfigurationError, match=re.escape(text)) as raised:
        load_discretisation(path)
    assert str(path) in str(raised.value) or "preset" in data


@pytest.mark.parametrize("data", ["[1]", "{", ""])
def test_what_is_no_object(tmp_path, data):
    with pytest.raises(FileError):
        load_discretisation(written(tmp_path, data))


def test_steps_next_to_time_constants():
    exponential = Discretisation(dt=1.0, decay="exponential")
    assert exponential.left(1.0, "here") == math.exp(-1)
    for tau in (0.05, 1e6):
        with pytest.raises(ConfigurationError, match="here: a step must be a share of the time"):
            exponential.left(tau, "here")
    euler = Discretisation(dt=1.0)
    assert euler.left(4.0, "here") == 0.75
    with pytest.raises(ConfigurationError, match="Euler's method must have a step shorter"):
        euler.left(1.0, "here")


def test_the_page_lists_the_presets():
    page = (Path(__file__).parents[3] / "docs" / "nir.md").read_text(encoding="utf-8")
    for name, rule in PRESETS.items():
        cells = [f"`{name}`", f"{rule.dt:g}", rule.decay, rule.compare, rule.reset]
        cells += [rule.bursts or "all", rule.integral, rule.start]
        assert f"| {' | '.join(map(str, cells))} |" in page
    for each in fields(Discretisation):
        assert each.name == "populations" or f"`{each.name}`" in page
