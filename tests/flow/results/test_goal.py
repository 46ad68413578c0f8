"""Goals: what is asked for, what was found, whether it is enough."""

import pytest

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.results.goal import Goal, reached
from support.summaries import SUMMARY


def test_every_figure_is_found():
    goal = Goal(
        accuracy=0.97,
        cycles=250,
        efficiency=0.8,
        fmax_mhz=101,
        lut=4321,
        sample_us=2.5,
        frames_per_s=400_000,
        frames_per_s_per_klut=100_000,
    )
    found = reached(goal.as_dict(), SUMMARY)
    assert {each.name: (each.found, each.met) for each in found} == {
        "accuracy": (0.97, True),
        "cycles": (250.4, False),
        "efficiency": (0.7995, False),
        "fmax_mhz": (101.26, True),
        "lut": (4321, True),
        "sample_us": (2.473, True),
        "frames_per_s": (404392.9, True),
        "frames_per_s_per_klut": (93587.8, False),
    }


def test_what_is_not_asked_for_is_not_told():
    assert reached(Goal(cycles=300).as_dict(), SUMMARY)[0].met
    assert reached({}, SUMMARY) == ()


def test_stepwise_hardware_has_the_accuracy_of_the_most_steps():
    summary = SUMMARY | {"build": SUMMARY["build"] | {"mode": "stepwise"}}
    assert reached({"accuracy": 0.9}, summary)[0].found == 0.965


@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-cnn"])
def test_benchmarks_have_goals(name):
    assert BENCHMARKS[name].goal is not None
