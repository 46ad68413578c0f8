"""Inputs: the payloads of every step, and one clear error for what is not legal."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.model import Model, encode
from spikewright.golden.model.encode import totals, xorshift
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)
from support.scalar_network import payloads


def source(encoding=Encoding.ONCE, *, name="x", low=-2, high=5, payload=Payload.GRADED, n=3):
    return Input(
        name=name,
        shape=(n,),
        payload=payload,
        low=low,
        high=high,
        encoding=encoding,
        threshold=2 if encoding is Encoding.THRESHOLD else None,
        seed=2463534242 if encoding is Encoding.RATE else None,
    )


def network(*inputs, max_steps=6) -> Network:
    return Network(
        name="small",
        inputs=inputs,
        populations=(
            Population(name="out", shape=(2,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=tuple(
            Connection(
                source=each.name,
                target="out",
                operator=Dense(weights=np.ones((each.n, 2), dtype=int), weight_bits=2),
            )
            for each in inputs
        ),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=max_steps,
    )


def test_each_encoding_by_hand():
    values = torch.tensor([[5, -2, 0]])

    def steps(encoding):
        return encode(source(encoding), values, 3)[:, 0].tolist()

    assert steps(Encoding.ONCE) == [[5, -2, 0], [0, 0, 0], [0, 0, 0]]
    assert steps(Encoding.CHANGE) == [[5, -2, 0], [0, 0, 0], [0, 0, 0]]
    assert steps(Encoding.CONSTANT) == [[5, -2, 0]] * 3
    assert steps(Encoding.SPREAD) == [[1, -1, 0], [2, -1, 0], [2, 0, 0]]
    assert steps(Encoding.THRESHOLD) == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    late, bits = source(Encoding.LATENCY, low=0, high=4), source(Encoding.PHASE, low=0, high=6)
    sent = encode(late, torch.tensor([[4, 1, 0]]), 5)[:, 0].tolist()
    assert sent == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]
    sent = encode(bits, torch.tensor([[5, 2, 0]]), 4)[:, 0].tolist()
    assert sent == [[4, 0, 0], [0, 2, 0], [1, 0, 0], [0, 0, 0]]
    events = torch.tensor([[[1, 0, 2], [3, 4, 5]]])
    assert encode(source(Encoding.EVENTS), events, 2).tolist() == [[[1, 0, 2]], [[3, 4, 5]]]


@given(
    st.lists(st.integers(-300, 300), min_size=1, max_size=5),
    st.integers(1, 20),
    st.sampled_from([Encoding.ONCE, Encoding.SPREAD, Encoding.CONSTANT]),
)
def test_encodings_equal_the_scalar_ones(values, steps, encoding):
    each = source(encoding, low=-300, high=300, n=len(values))
    sent = encode(each, torch.tensor([values]), steps)
    assert sent.shape == (steps, 1, len(values))
    assert sent[:, 0].tolist() == payloads(each, values, steps)
    if encoding is not Encoding.CONSTANT:
        assert sent.sum(dim=0).tolist() == totals(each, torch.tensor([values])).tolist() == [values]


def test_rate_draws_are_marsaglias():
    """The paper's first numbers after its seed, the upper 3 bits of each: 723471715 -> 1, ..."""
    states = xorshift(2463534242, 6)
    assert states[:3] == (723471715, 2497366906, 2064144800)
    each = source(Encoding.RATE, low=0, high=7)
    sent = encode(each, torch.tensor([[2, 0, 4], [0, 0, 7]]), 3)[:, :, :].tolist()
    draws = [state >> 29 for state in states]
    assert draws == [1, 4, 3, *draws[3:]]
    # of the first sample two a step, of the second one
    assert [step[0] for step in sent] == [
        [int(draws[2 * t] < 2), 0, int(draws[2 * t + 1] < 4)] for t in range(3)
    ]
    assert [step[1] for step in sent] == [[0, 0, int(draws[t] < 7)] for t in range(3)]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=5),
    st.integers(1, 20),
    st.sampled_from([Encoding.THRESHOLD, Encoding.RATE, Encoding.PHASE, Encoding.LATENCY]),
)
def test_codes_equal_the_scalar_ones(values, steps, encoding):
    each = source(encoding, low=0, high=300, n=len(values))
    sent = encode(each, torch.tensor([values]), steps)
    assert sent[:, 0].tolist() == payloads(each, values, steps)


def test_rate_has_the_mean_that_it_says():
    each = source(Encoding.RATE, low=0, high=15, n=16)
    sent = encode(each, torch.arange(16).view(1, -1), 4000).double().mean(dim=0)[0]
    assert (sent - torch.arange(16) / 16).abs().max() < 0.03


@given(
    st.lists(st.lists(st.integers(-2, 5), min_size=3, max_size=3), min_size=3, max_size=9),
    st.integers(1, 20),
)
def test_spread_is_the_same_however_many_values_there_are(rows, steps):
    sent = encode(source(Encoding.SPREAD), torch.tensor(rows), steps)
    for b, row in enumerate(rows):
        assert sent[:, b].tolist() == payloads(source(Encoding.SPREAD), row, steps)


def test_events_total():
    values = torch.tensor([[[1, 0, 2], [3, -1, 5]]])
    assert totals(source(Encoding.EVENTS), values).tolist() == [[4, -1, 7]]


def test_events_of_int8_are_those_of_int64():
    model = Model(network(source(Encoding.EVENTS)))
    events = np.random.default_rng(3).integers(-2, 6, (5, 4, 3))
    whole = model.run(events, mode="stepwise", trace=True)
    for values in (events.astype(np.int8), torch.tensor(events, dtype=torch.int8)):
        found = model.run(values, mode="stepwise", trace=True)
        assert torch.equal(found.values, whole.values)
        assert torch.equal(found.trace.spikes["x"], whole.trace.spikes["x"])
    with pytest.raises(RangeError, match=r"values must be from -2 to 5, found -3$"):
        model.run(np.full((1, 4, 3), -3, dtype=np.int8), mode="stepwise")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_any_integer_type(dtype):
    model = Model(network(source()))
    values = np.array([[1, 2, 3]], dtype=dtype)
    for given_values in (values, torch.from_numpy(values)):
        found = model.run(given_values, mode="stepwise", steps=1)
        assert found.values.tolist() == [[6, 6]]


ONE = np.array([[1, 2, 3]])
QUANTISE = "; quantise them first: clip(floor(value / step + 0.5), low, high)"
WRONG_INPUTS = [
    (
        ONE / 1,
        ConfigurationError,
        "input 'x': inputs must be integers, found dtype float64" + QUANTISE,
    ),
    (
        torch.ones(1, 3),
        ConfigurationError,
        "input 'x': inputs must be integers, found dtype float32" + QUANTISE,
    ),
    (
        ONE > 1,
        ConfigurationError,
        "input 'x': inputs must be integers, found dtype bool" + QUANTISE,
    ),
    (
        torch.tensor([[True, False, True]]),
        ConfigurationError,
        "input 'x': inputs must be integers, found dtype bool" + QUANTISE,
    ),
    (
        ONE[0],
        ConfigurationError,
        "input 'x': values must have the shape [batch, n], n = 3, with no dimension empty, "
        "found [3]",
    ),
    (
        ONE[:, :2],
        ConfigurationError,
        "input 'x': values must have the shape [batch, n], n = 3, with no dimension empty, "
        "found [1, 2]",
    ),
    (
        ONE[:0],
        ConfigurationError,
        "input 'x': values must have the shape [batch, n], n = 3, with no dimension empty, "
        "found [0, 3]",
    ),
    (
        np.array([[1, 2, 3], [0, 6, 0]]),
        RangeError,
        "input 'x' at index [1, 1]: values must be from -2 to 5, found 6",
    ),
    (
        np.array([[1, -3, 9]]),
        RangeError,
        "input 'x' at index [0, 1]: values must be from -2 to 5, found -3",
    ),
    (
        np.array([[1, 2**64 - 1, 2]], dtype=np.uint64),
        RangeError,
        f"input 'x' at index [0, 1]: values must be from -2 to 5, found {2**63 - 1}",
    ),
    (
        {"y": ONE},
        ConfigurationError,
        "network 'small': inputs must have the keys x, found y",
    ),
]


@pytest.mark.parametrize(("values", "error", "message"), WRONG_INPUTS)
def test_wrong_inputs(values, error, message):
    with pytest.raises(error) as caught:
        Model(network(source())).run(values, mode="stepwise")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("mode", "keep", "steps", "message"),
    [
        ("stepwise", [True, False], 3, "keep must say it for each of 3 samples, found 2"),
        (
            "stepwise",
            [True, False, True],
            4,
            "from one reset to the next there must be at most 6 steps, up to which widths are "
            "proven, found 2 samples of 4 steps; convert again with a larger max_steps, or reset "
            "more often",
        ),
    ],
)
def test_wrong_streams(mode, keep, steps, message):
    each = network(source(Encoding.CONSTANT))
    with pytest.raises(ConfigurationError) as caught:
        Model(each).run(np.repeat(ONE, 3, axis=0), mode=mode, steps=steps, keep=keep)
    assert str(caught.value) == f"network 'small': {message}"


def test_what_comes_once_is_no_stream():
    with pytest.raises(ConfigurationError) as caught:
        Model(network(source())).run(
            np.repeat(ONE, 2, axis=0), mode="stepwise", steps=2, keep=[True, True]
        )
    assert str(caught.value) == (
        "input 'x': an input of a stream must be encoded as events, constant or rate: of what "
        "comes once in a sample the widths are proven for one, found once"
    )


def test_several_inputs_are_named_and_of_one_batch():
    model = Model(network(source(), source(name="y")))
    assert model.run({"x": ONE, "y": ONE}, mode="stepwise").values.tolist() == [[12, 12]]
    with pytest.raises(ConfigurationError, match="mapping with the keys x, y, found one ndarray"):
        model.run(ONE, mode="stepwise")
    with pytest.raises(ConfigurationError, match="must have the same batch"):
        model.run({"x": ONE, "y": np.repeat(ONE, 2, axis=0)}, mode="stepwise")


def test_events_of_kind_shift_are_powers_of_two():
    each = source(Encoding.EVENTS, payload=Payload.SHIFT, low=-4, high=4)
    model = Model(network(each))
    good = np.array([[[1, -4, 0], [2, 4, -2]]])
    assert model.run(good, mode="stepwise").values.tolist() == [[1, 1]]
    with pytest.raises(RangeError) as caught:
        model.run(np.array([[[1, -4, 0], [2, 3, -2]]]), mode="stepwise")
    assert str(caught.value) == (
        "input 'x' at index [0, 1, 1]: payloads of kind shift must be powers of two, found 3"
    )


@pytest.mark.parametrize(
    ("steps", "found"), [(0, "found 0"), (7, "found 7"), (2.0, "found 2.0"), (True, "found True")]
)
def test_wrong_steps(steps, found):
    with pytest.raises(ConfigurationError, match=f"^network 'small': steps must be .*{found}"):
        Model(network(source())).run(ONE, mode="stepwise", steps=steps)


def test_steps_of_events():
    model = Model(network(source(Encoding.EVENTS)))
    events = np.ones((1, 4, 3), dtype=int)
    assert model.run(events, mode="stepwise", trace=True).trace.steps["x"].tolist() == [4]
    with pytest.raises(ConfigurationError, match="events must be given for each of 5 steps"):
        model.run(events, mode="stepwise", steps=5)
    with pytest.raises(ConfigurationError, match="steps must be from 1 to 6"):
        model.run(np.ones((1, 7, 3), dtype=int), mode="stepwise")


def test_stepwise_runs_max_steps_where_nothing_says_otherwise():
    found = Model(network(source(Encoding.CONSTANT))).run(ONE, mode="stepwise", trace=True)
    assert found.trace.steps["out"].tolist() == [6]
    assert found.values.tolist() == [[36, 36]]


@pytest.mark.parametrize("mode", ["settle", "quick", None])
def test_wrong_mode(mode):
    with pytest.raises(ConfigurationError) as caught:
        Model(network(source())).run(ONE, mode=mode)
    assert str(caught.value) == f"network 'small': mode must be one of stepwise, found {mode}"
