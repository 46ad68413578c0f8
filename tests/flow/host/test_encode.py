"""Samples to commands: a device that reads them has the tokens of the golden model's inputs."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.layout import Layout
from spikewright.flow.cosim.streams import frame_name, frame_streams
from spikewright.flow.host.encode import SampleEncoder, SpikeWriter
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.link import Spikes
from spikewright.golden.spec import Encoding, Mode, TokenKind
from spikewright.hdl import TokenLayout
from spikewright.hdl.token import axes_of
from support.branching import branching, dense, inputs_of
from support.chains import bounded_chain, counting_chain, inputs_for
from support.device_model import DeviceModel, Port
from support.fuzz import random_case
from support.linked import make_project, model_of
from support.random_networks import Seeded, settling_network, stepwise_network


def layout(n, *, low=0, high=1, slots=1, shape=None, banks=(1, 1, 1)):
    token = TokenLayout(axes=axes_of(shape or (n,), banks), low=low, high=high, slots=slots)
    return Layout.from_manifest(token.as_dict(), where="test")


def tokens_of(folder, manifest, commands):
    """Words that the device model gives each input, and the T of each."""
    seen = []

    def answer(sample, steps, left):
        seen.append((sample, list(steps)))
        return [TokenKind.END], None

    device = model_of(folder, manifest, answer, longest=1 << 16)
    for command in commands:
        assert device._tokens(command, device.network[:4], 0.0) is None
    assert len(seen) == 1 and not device.accelerator.under_way
    return seen[0]


def check(folder, network, plan, inputs, steps, keep, *, longest):
    manifest = make_project(folder, network, plan)
    encoder = SampleEncoder(network, manifest, longest)
    replayed = [each.name for each in manifest.inputs if each.first_step_only]
    streams = golden_streams(network, plan.mode, inputs, steps, keep=keep, replayed=replayed)
    streams |= frame_streams(network, inputs, keep)
    for k in range(len(next(iter(inputs.values())))):
        commands = encoder.commands(
            {name: values[k] for name, values in inputs.items()},
            steps=steps,
            keep=keep is not None and keep[k],
        )
        assert all(len(command) <= longest for command in commands)
        sample, told = tokens_of(folder, manifest, commands)
        for each, words, n_steps in zip(manifest.inputs, sample, told, strict=True):
            name = frame_name(each.name) if each.frames else each.name
            stream = streams[name]
            part = slice(stream.starts[k], stream.starts[k + 1])
            expected = each.layout.pack(
                stream.kind[part], stream.address[part], stream.payload[part]
            )
            found = each.layout.scatter(np.array(words, dtype=np.uint64))
            assert np.array_equal(each.layout.in_order(found), each.layout.in_order(expected))
            if each.frames:
                assert n_steps == np.count_nonzero(streams[each.name].kind == TokenKind.STEP) // (
                    stream.starts.size - 1
                )
    return manifest


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.rest) for seed in range(8, 60))]
)
def test_random_networks(tmp_path, seed):
    chooser = Seeded(seed)
    network = (stepwise_network, settling_network)[seed % 2](chooser)
    case = random_case(chooser, network)
    longest = (16, 40, 300)[seed % 3]
    check(tmp_path, network, case.plan, case.inputs, case.steps, case.keep, longest=longest)


@pytest.mark.parametrize("mode", Mode)
def test_chains(tmp_path, mode):
    network = bounded_chain((30, 9, 4), seed=1)
    x = inputs_for(network, 12)
    steps = 5 if mode is Mode.STEPWISE else None
    check(tmp_path, network, default_plan(network, mode), {"x": x}, steps, None, longest=128)


def test_inputs_take_turns_step_by_step(tmp_path):
    rng = np.random.default_rng(1)
    wires = [
        ("a", "h", dense(rng, 40, 6)),
        ("b", "h", dense(rng, 30, 6)),
        ("h", "o", dense(rng, 6, 3)),
    ]
    network = branching({"a": (40,), "b": (30,)}, {"h": (6,), "o": (3,)}, wires, seed=1)
    inputs = inputs_of(network, 4, seed=2)
    plan = default_plan(network, Mode.STEPWISE)
    manifest = check(tmp_path, network, plan, inputs, 4, None, longest=64)
    encoder = SampleEncoder(network, manifest, 64)
    commands = encoder.commands({name: x[1] for name, x in inputs.items()}, steps=4, keep=False)
    ahead = [0, 0]
    for command in commands:
        number, steps = command[0] & 15, command[1]
        assert steps <= 1
        ahead[number] += steps
        assert abs(ahead[0] - ahead[1]) <= 1
    spikes = [(command[0] & 15) for command in commands]
    # Within a step nobody waits for the whole of the other.
    assert spikes[:6] == [0, 1, 0, 1, 0, 1]


def test_the_shortest_is_taken():
    writer = SpikeWriter(layout(784), 128)
    image = np.zeros(784, dtype=np.int64)
    image[100:700:5] = 1
    (piece,) = writer.write(image)
    assert piece[0] is Spikes.BITMAP and len(piece[1]) == 2 + -(-596 // 8)
    image[:] = 0
    image[[3, 700]] = 1
    (piece,) = writer.write(image)
    assert piece[0] is Spikes.WORDS and len(piece[1]) == 2 * 2
    graded = SpikeWriter(layout(64, high=15), 128)
    (piece,) = graded.write(np.full(64, 5))
    assert piece[0] is Spikes.VALUES and len(piece[1]) == 2 + 64
    (piece,) = graded.write(np.ones(64, dtype=np.int64))
    assert piece[0] is Spikes.BITMAP and len(piece[1]) == 2 + 8
    assert list(graded.write(np.zeros(64, dtype=np.int64))) == []


@pytest.mark.parametrize("longest", [8, 9, 20, 128])
@pytest.mark.parametrize(
    "made",
    [
        layout(60),
        layout(60, high=7),
        layout(60, low=-100, high=100),
        layout(60, low=-1000, high=1000),
        layout(60, slots=2),
        layout(60, low=-3, high=3, slots=3),
        layout(60, shape=(4, 5, 3), banks=(1, 3, 3)),
    ],
)
def test_pieces_hold_all_spikes_and_fit(made, longest):
    rng = np.random.default_rng(longest)
    low, high = made._bounds()
    writer = SpikeWriter(made, longest)
    for share in (0.02, 0.2, 0.9, 1.0):
        levels = rng.integers(low, high + 1, 60) * (rng.random(60) < share)
        found = np.zeros(60, dtype=np.int64)
        for how, data in writer.write(levels):
            assert 2 + len(data) <= longest
            port = Port(made.width, made.address[1], made.payload[1])
            words = np.array(DeviceModel._words(port, how, data), dtype=np.uint64)
            kind, neuron, payload = made.unpack(made.scatter(words))
            assert (kind == TokenKind.SPIKE).all() and (found[neuron] == 0).all()
            found[neuron] = payload
        assert (found == levels).all()


def test_long_samples_without_spikes(tmp_path):
    network = counting_chain((5, 3), seed=1, max_steps=700)
    manifest = make_project(tmp_path, network, default_plan(network, Mode.STEPWISE))
    encoder = SampleEncoder(network, manifest, 64)
    silent = np.zeros((700, 5), dtype=np.int64)
    commands = encoder.commands({"x": silent}, steps=None, keep=True)
    assert [command[1] for command in commands] == [255, 255, 190]
    assert [command[0] >> 6 for command in commands] == [0, 0, 3]


def test_more_steps_than_an_encoder_can_be_told(tmp_path):
    chain = bounded_chain((5, 4, 3), seed=1, max_steps=300)
    constant = replace(chain.inputs[0], encoding=Encoding.CONSTANT)
    network = replace(chain, inputs=(constant,), modes=(Mode.STEPWISE,))
    plan = default_plan(network, Mode.STEPWISE, encoders=True)
    encoder = SampleEncoder(network, make_project(tmp_path, network, plan), 64)
    with pytest.raises(
        UnsupportedError, match="^input 'x': an encoder must make at most 255 steps"
    ):
        encoder.commands({"x": np.ones(5, dtype=np.int64)}, steps=None, keep=False)
