"""Overdriven hardware with a guard equals the golden model on what was kept; it counts the rest."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.kept import kept_values, load_recorded, save_recorded
from spikewright.flow.cosim.layout import Layout
from spikewright.flow.cosim.manifest import GuardCounters, read_manifest
from spikewright.flow.cosim.streams import TokenStream
from spikewright.flow.files import file_hash
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl import GuardPlan, TokenLayout
from spikewright.hdl.token import axes_of
from support.chains import counting_chain, inputs_for
from support.mutate import mutants

NETWORK = counting_chain((12, 9, 4), seed=3)


def made(folder, guards, lanes=2):
    plan = replace(default_plan(NETWORK, Mode.STEPWISE, lanes=lanes), guards=guards)
    generate(NETWORK, plan, folder)
    return folder


@pytest.mark.parametrize(
    ("simulator", "stalls"),
    [
        ("icarus", None),
        ("icarus", "1101110"),
        pytest.param("verilator", "1101110", marks=pytest.mark.rest),
    ],
)
def test_an_overdriven_input(tmp_path, simulator, stalls):
    made(tmp_path, (GuardPlan(input="x", depth=4),))
    x = inputs_for(NETWORK, 20)
    report = cosimulate(NETWORK, tmp_path, x, simulator=simulator, batch=5, stall_output=stalls)
    counts = report.guards["x"]
    assert counts["sent"] == np.count_nonzero(x)
    assert counts["losses"] + counts["kept"] == counts["sent"]
    assert 0 < counts["losses"] < counts["sent"]
    assert report.mismatches == 0 and report.spikes_compared > 100
    # Everything kept was heard, and nothing else.
    assert round(report.counters["h0"]["spikes_in"] * 20) == counts["kept"]
    # STEP and END are all there.
    recorded = load_recorded(
        [tmp_path / "sim" / simulator / "share_0" / "recorded.npz"], read_manifest(tmp_path)
    )
    assert recorded["x"].size == counts["kept"] + 20 * (NETWORK.max_steps + 1)


def test_a_source_that_is_slow_loses_nothing(tmp_path):
    made(tmp_path, (GuardPlan(input="x", depth=4),))
    x = inputs_for(NETWORK, 2)
    slow = "1" * 40 + "0"
    counts = cosimulate(NETWORK, tmp_path, x, simulator="icarus", stall_input=slow).guards["x"]
    assert counts["losses"] == counts["waits"] == 0 < counts["kept"] == counts["sent"]


def test_a_marker_that_had_to_wait_is_counted(tmp_path):
    made(tmp_path, (GuardPlan(input="x", depth=3, reserve=1),), lanes=1)
    x = inputs_for(NETWORK, 2)
    report = cosimulate(NETWORK, tmp_path, x, simulator="icarus", stall_output="1" * 30 + "0")
    assert report.guards["x"]["waits"] > 0


@pytest.mark.parametrize(
    ("line", "before", "after", "message"),
    [
        ("losses +", " + ", " - ", r"^sample 0, x: counter losses over samples 0 to "),
        ("& crowded", " & ", " | ", r"^sample 0, x: counter losses|behind its guard"),
        ("waits +", " + ", " - ", r"^sample 0, x: counter waits over samples 0 to "),
        ("held +", " + ", " - ", r"^sample \d, output: the batch must end"),
    ],
)
def test_a_faulty_guard_is_seen(tmp_path, line, before, after, message):
    made(tmp_path, (GuardPlan(input="x", depth=3, reserve=1),), lanes=1)
    (found,) = [
        each
        for each in mutants((tmp_path / "accelerator.v").read_text(), "guard_x")
        if line in each.before and each.after == each.before.replace(before, after, 1)
    ][:1]
    (tmp_path / "accelerator.v").write_text(found.verilog)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["verilog_hash"] = file_hash(tmp_path / "accelerator.v")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MismatchError, match=message):
        cosimulate(
            NETWORK,
            tmp_path,
            inputs_for(NETWORK, 4),
            simulator="icarus",
            stall_output="1" * 60 + "0",
            watchdog_cycles=1500,
        )


LAYOUT = Layout.from_manifest(TokenLayout(axes=axes_of((5,)), low=0, high=3).as_dict(), where="x")
# Two samples of two steps: neurons with what they carry, then STEP; END.
SENT = [
    (0, 1, 2), (0, 4, 1), (1, 0, 0), (0, 1, 3), (1, 0, 0), (2, 0, 0),
    (1, 0, 0), (0, 0, 1), (0, 1, 1), (0, 3, 2), (1, 0, 0), (2, 1, 0),
]  # fmt: skip
VALUES = np.zeros((2, 2, 5), dtype=np.int64)
VALUES[0, 0, [1, 4]], VALUES[0, 1, 1], VALUES[1, 1, [0, 1, 3]] = [2, 1], 3, [1, 1, 2]


def after_dropping(places, *, order=None):
    """What ``kept_values`` says when the tokens at ``places`` do not come out."""
    fields = np.array(SENT, dtype=np.int64).T
    stream = TokenStream(
        kind=fields[0], address=fields[1], payload=fields[2], starts=np.array([0, 6, 12])
    )
    kept = order or [place for place in range(len(SENT)) if place not in places]
    words = LAYOUT.pack(*fields[:, kept], where="x")
    probe = SimpleNamespace(layout=LAYOUT)
    manifest = SimpleNamespace(
        guards=(GuardCounters(input="x", ports=()),), guarded=[0], probes=[probe]
    )
    return kept_values(manifest, {"x": words}, {"x": stream}, {"x": VALUES})["x"]


def test_what_is_kept_is_what_was_sent_without_the_spikes_that_were_lost():
    assert after_dropping([]).tolist() == VALUES.tolist()
    wanted = VALUES.copy()
    wanted[0, 0, 1] = wanted[0, 1, 1] = wanted[1, 1, 3] = 0
    assert after_dropping([0, 3, 9]).tolist() == wanted.tolist()
    assert after_dropping([0, 1, 3, 7, 8, 9]).tolist() == np.zeros_like(VALUES).tolist()


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11], "SPIKE(neuron 1, payload 3)"),  # a STEP is gone
        ([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11], "STEP"),  # an END is gone
        ([1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "SPIKE(neuron 1, payload 2)"),  # two swapped
        ([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "SPIKE(neuron 1, payload 2)"),  # one twice
        ([0, 1, 3, 2, 4, 5, 6, 7, 8, 9, 10, 11], "SPIKE(neuron 1, payload 3)"),  # a step early
        ([*range(12), 0], "SPIKE(neuron 1, payload 2)"),  # one too many
        ([*range(11)], "nothing more"),  # the last END is gone
    ],
)
def test_anything_else_is_refused(tokens, found):
    message = (
        r"^input 'x', token \d+ behind its guard: a guard must let tokens pass as they come, or "
        rf"drop spikes, found {re.escape(found)}$"
    )
    with pytest.raises(MismatchError, match=message):
        after_dropping([], order=tokens)


def test_words_of_batches_are_joined(tmp_path):
    words = [np.arange(k, k + 3, dtype=np.uint64) for k in range(4)]
    save_recorded(tmp_path / "r.npz", [[words[0], words[1]], [words[2], words[3]]])
    guards = tuple(GuardCounters(input=name, ports=()) for name in ("x", "y"))
    found = load_recorded([tmp_path / "r.npz"], SimpleNamespace(guards=guards))
    assert found["x"].tolist() == [0, 1, 2, 2, 3, 4]
    assert found["y"].tolist() == [1, 2, 3, 3, 4, 5]
