"""The stored sample is what the golden model was given, and its answer is the golden one."""

import numpy as np
import pytest

from spikewright.flow.synthesize import stored_sample
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Encoding, Mode, TokenKind
from support.branching import branching, convolution, dense, inputs_of
from support.chains import bounded_chain, inputs_for


def rows(tokens):
    return list(zip(*(field.tolist() for field in tokens), strict=True))


SPIKE, STEP, END = (int(kind) for kind in TokenKind)


def test_collapsed_has_totals_and_no_step():
    network = bounded_chain((6, 4, 3), seed=2)
    values = np.array([[0, 3, 0, 1, 2, 0]])
    sample = stored_sample(network, Mode.COLLAPSED, values)
    (sent,) = sample.inputs
    assert rows(sent) == [(SPIKE, 1, 3), (SPIKE, 3, 1), (SPIKE, 4, 2), (END, 0, 0)]


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.SETTLE])
@pytest.mark.parametrize("encoding", [Encoding.ONCE, Encoding.SPREAD])
def test_steps(mode, encoding):
    network = bounded_chain((6, 4, 3), seed=2, encoding=encoding)
    values = inputs_for(network, 3)[2:]
    (sent,) = stored_sample(network, mode, values, steps=4).inputs
    totals = np.zeros(6, dtype=int)
    for kind, neuron, payload in rows(sent):
        if kind == SPIKE:
            totals[neuron] += payload
    assert totals.tolist() == values[0].tolist()
    steps = sum(kind == STEP for kind, _, _ in rows(sent))
    assert steps == (1 if mode is Mode.SETTLE and encoding is Encoding.ONCE else 4)
    assert rows(sent)[-1] == (END, 0, 0)


def test_a_silent_sample_is_only_its_end():
    network = bounded_chain((6, 4, 3), seed=2)
    (sent,) = stored_sample(network, Mode.COLLAPSED, np.zeros((1, 6), int)).inputs
    assert rows(sent) == [(END, 0, 0)]


@pytest.mark.parametrize("mode", Mode)
def test_answer(mode):
    network = bounded_chain((6, 4, 3), seed=2)
    for values in inputs_for(network, 5):
        result = Model(network).run(values[None], mode=mode)
        sample = stored_sample(network, mode, values[None])
        assert sample.label == int(result.labels[0])
        answer = [token for token in rows(sample.output) if token[0] != STEP]
        read = [(SPIKE, n, int(value)) for n, value in enumerate(result.values[0])]
        assert answer == [*read, (END, sample.label, 0)]


def test_a_raw_decision_has_no_label():
    network = bounded_chain((6, 4, 3), seed=2, decision=Decision.RAW)
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    assert sample.label is None
    assert rows(sample.output)[-1] == (END, 0, 0)


def test_a_map_has_labels_in_its_tokens():
    rng = np.random.default_rng(1)
    wires = [("x", "out", convolution(rng, 3, 1, (1, 1))), ("z", "out", dense(rng, 2, 18))]
    shapes = {"x": (1, 2, 3), "z": (2,)}
    network = branching(shapes, {"out": (3, 2, 3)}, wires, seed=1)
    values = {name: array[1:2] for name, array in inputs_of(network, 2, seed=2).items()}
    sample = stored_sample(network, Mode.COLLAPSED, values)
    labels = Model(network).run(values, mode=Mode.COLLAPSED).labels[0].tolist()
    assert sample.label is None
    assert rows(sample.output) == [*((SPIKE, n, c) for n, c in enumerate(labels)), (END, 0, 0)]
    assert [len(tokens[0]) for tokens in sample.inputs] == [7, 3]


def test_two_samples_are_refused():
    network = bounded_chain((6, 4, 3), seed=2)
    with pytest.raises(ConfigurationError, match=r"^one sample can be stored, found 2$"):
        stored_sample(network, Mode.COLLAPSED, inputs_for(network, 2))
