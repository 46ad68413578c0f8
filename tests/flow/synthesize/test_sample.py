"""The stored sample is what the golden model was given, and its label is the golden one."""

import numpy as np
import pytest

from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import stored_sample
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Encoding, Mode, TokenKind
from spikewright.hdl.config import core_configs
from support.chains import bounded_chain, inputs_for


def unpacked(network, plan, sample):
    layout = core_configs(network, plan)[0].source
    return list(zip(*(f.tolist() for f in layout.unpack(np.array(sample.tokens))), strict=True))


def test_collapsed_has_totals_and_no_step():
    network = bounded_chain((6, 4, 3), seed=2)
    plan = default_plan(network, Mode.COLLAPSED)
    values = np.array([[0, 3, 0, 1, 2, 0]])
    sample = stored_sample(network, plan, values)
    spike, end = int(TokenKind.SPIKE), int(TokenKind.END)
    assert unpacked(network, plan, sample) == [
        (spike, 1, 3),
        (spike, 3, 1),
        (spike, 4, 2),
        (end, 0, 0),
    ]


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.SETTLE])
@pytest.mark.parametrize("encoding", [Encoding.ONCE, Encoding.SPREAD])
def test_steps(mode, encoding):
    network = bounded_chain((6, 4, 3), seed=2, encoding=encoding)
    plan = default_plan(network, mode)
    values = inputs_for(network, 3)[2:]
    tokens = unpacked(network, plan, stored_sample(network, plan, values, steps=4))
    totals = np.zeros(6, dtype=int)
    for kind, address, payload in tokens:
        if kind == TokenKind.SPIKE:
            totals[address] += payload
    assert totals.tolist() == values[0].tolist()
    steps = sum(kind == TokenKind.STEP for kind, _, _ in tokens)
    assert steps == (1 if mode is Mode.SETTLE and encoding is Encoding.ONCE else 4)
    assert tokens[-1] == (TokenKind.END, 0, 0)


def test_a_silent_sample_is_only_its_end():
    network = bounded_chain((6, 4, 3), seed=2)
    sample = stored_sample(network, default_plan(network, Mode.COLLAPSED), np.zeros((1, 6), int))
    assert len(sample.tokens) == 1


@pytest.mark.parametrize("mode", Mode)
def test_label(mode):
    network = bounded_chain((6, 4, 3), seed=2)
    for values in inputs_for(network, 5):
        expected = Model(network).run(values[None], mode=mode).labels
        sample = stored_sample(network, default_plan(network, mode), values[None])
        assert sample.label == int(expected[0])


def test_a_raw_decision_has_no_label():
    network = bounded_chain((6, 4, 3), seed=2, decision=Decision.RAW)
    plan = default_plan(network, Mode.COLLAPSED)
    assert stored_sample(network, plan, inputs_for(network, 1)).label is None


def test_two_samples_are_refused():
    network = bounded_chain((6, 4, 3), seed=2)
    with pytest.raises(ConfigurationError, match=r"^one sample can be stored, found 2$"):
        stored_sample(network, default_plan(network, Mode.COLLAPSED), inputs_for(network, 2))
