"""Devices: commands, and what is refused in one message, after which the next command works."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    LinkError,
    RangeError,
    UnsupportedError,
)
from spikewright.golden.link import FrameType
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, counting_chain, inputs_for
from support.line import Hostility, Line
from support.linked import golden_device, make_project


def test_results(chain):
    with chain.opened() as device:
        results = list(device.infer({"x": chain.x}))
        again = next(iter(device.infer(chain.x[:1].astype(np.float64))))  # its levels are integers
    layout = chain.manifest.output.layout
    for result, expected in zip(results, chain.expected, strict=True):
        assert np.array_equal(result.tokens, expected)
        kind, neuron, payload = layout.unpack(expected)
        assert kind.tolist() == [0] * 4 + [2]
        assert result.values.tolist() == payload[np.argsort(neuron[:4])].tolist()
        assert result.label == neuron[-1] == np.argmax(result.values)
        assert result.seconds > 0
    assert again.label == results[0].label and again.latency_cycles is not None
    ends = [result.end_cycle for result in results]
    assert sorted(ends) == ends


def test_who_it_is(chain):
    model = chain.device(increment=1 << 18, board=b"ulx3s-85f", stored=True)
    line = Line(model)
    line.baud = line.unit_hz = 3_000_000
    with chain.opened(line) as device:
        identity = device.identity
        assert identity == device.identify()
        assert (identity.network_hash, identity.board) == (chain.network.content_hash, "ulx3s-85f")
        assert (identity.ready, identity.loads, identity.tests) == (True, False, True)
        assert (identity.inbox, identity.outbox, identity.longest) == (512, 512, 128)
        assert (identity.inputs, identity.counters) == (1, len(chain.manifest.counter_ports) + 3)
        assert device.clock_hz == 12e6
    line.unit_hz = None
    assert identity.clock_hz(None) is None and chain.opened().clock_hz is None


def test_counters_have_names(chain):
    with chain.opened() as device:
        list(device.infer({"x": chain.x[:5]}))
        counters = device.counters(clear=True)
        names = [core.name for core in chain.manifest.cores]
        assert counters.cycles == 100 and list(counters.cores) == names
        first = counters.cores[names[0]]
        assert list(first.items())[:2] == [("rows", 101), ("synops", 102)]
        assert counters.link == {"bad_frames": 0, "missed_frames": 0, "repeated_frames": 0}
        assert device.counters().cycles == 0


def test_other_commands(chain):
    with chain.opened(Line(chain.device(stored=False))) as device:
        assert device.echo(bytes(range(128))) == bytes(range(128))
        assert device.selftest() is False
        device.reset()
    assert chain.opened(Line(chain.device(stored=True))).selftest() is True


def test_what_a_device_cannot_do(chain):
    with chain.opened(Line(chain.device(counts=[]))) as device:
        with pytest.raises(
            UnsupportedError, match="^line: the bitstream must have counters, found"
        ):
            device.counters()
        with pytest.raises(
            UnsupportedError, match="^line: the bitstream must have a self-test, foun"
        ):
            device.selftest()
        with pytest.raises(
            RangeError, match="^line: a payload must have at most 128 bytes, found 129"
        ):
            device.echo(bytes(129))
        with pytest.raises(
            ConfigurationError, match="^depth must be a whole number, at least 1, found 0"
        ):
            device.infer({"x": chain.x}, depth=0)
        with pytest.raises(
            RangeError, match=r"^input 'x' at index \[0, 0\]: values must be from 0"
        ):
            device.infer({"x": np.full((1, 12), 9)})
        with pytest.raises(ConfigurationError, match="there must be levels of x, found y"):
            device.infer({"y": chain.x})
        assert device.echo(b"next") == b"next"
    with chain.opened(Line(chain.device(counts=[1, 2]))) as device:
        with pytest.raises(
            LinkError, match="^line: the device must have 16 counters, found 20 bytes"
        ):
            device.counters()
        assert device.echo(b"next") == b"next"


@pytest.mark.parametrize(
    ("samples", "options", "text"),
    [
        ("text", {}, "^input 'x': samples must be an array of numbers, found <U4"),
        (None, {}, "^input 'x': samples must be an array of numbers, found NoneType"),
        (np.zeros((2, 12), dtype=complex), {}, "must be an array of numbers, found complex128"),
        (
            np.zeros((0, 12)),
            {},
            r"must be an array \[N, ...\] with at least one, found shape \[0, ",
        ),
        (np.zeros(12), {}, r"with at least one, found shape \[12\]"),
        ({"x": np.zeros((0, 12), dtype=int)}, {}, "there must be at least one sample, found none"),
        (np.zeros((2, 12)), {"depth": 1.5}, "depth must be a whole number, at least 1, found 1.5"),
        (np.zeros((2, 12)), {"steps": 2.5}, "steps must be a whole number, at least 1, found 2.5"),
        (np.zeros((2, 12)), {"steps": "3"}, "steps must be a whole number, at least 1, found '3'"),
    ],
)
def test_samples_that_are_none(chain, samples, options, text):
    with chain.opened() as device:
        with pytest.raises(ConfigurationError, match=text):
            list(device.infer(samples, **options))
        assert device.echo(b"next") == b"next"


def test_samples_of_any_kind(chain):
    """What numpy makes an array of."""
    with chain.opened() as device:
        for given in (chain.x[:3].tolist(), torch.from_numpy(chain.x[:3]), chain.x[:3] * 1.0):
            for result, expected in zip(device.infer(given), chain.expected[:3], strict=True):
                assert np.array_equal(result.tokens, expected)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_times_that_are_none(chain, timeout):
    with pytest.raises(ConfigurationError, match="^timeout must be above 0, found"):
        chain.opened(timeout=timeout)


def test_a_stream_of_what_comes_once(tmp_path):
    """The widths are proven for one sample, as the golden model says."""
    network = replace(bounded_chain((12, 9, 4), seed=1), modes=(Mode.STEPWISE,))
    manifest = make_project(tmp_path, network, default_plan(network, Mode.STEPWISE))
    x = np.asarray(inputs_for(network, 2))
    found, _ = golden_device(tmp_path, network, manifest, {"x": x}, steps=2)
    with Device(Line(found), tmp_path) as device:
        with pytest.raises(
            ConfigurationError, match="an input of a stream must be encoded as events, constant or"
        ):
            list(device.stream(x, steps=2))
        assert len(list(device.infer(x, steps=2))) == 2


def test_a_stream_of_more_steps_than_are_proven(tmp_path):
    network = counting_chain((12, 9, 4), seed=1, max_steps=5)
    manifest = make_project(tmp_path, network, default_plan(network, Mode.STEPWISE))
    x = inputs_for(network, 3)[:, :2]
    found, _ = golden_device(tmp_path, network, manifest, {"x": x}, steps=2)
    with Device(Line(found), tmp_path) as device:
        with pytest.raises(
            ConfigurationError, match="at most 5 steps, .* found 3 samples of 2 steps"
        ):
            list(device.stream(x))
        assert len(list(device.infer(x))) == 3


def test_an_answer_with_another_tag(chain):
    """Results of a network that was there before are nobody's."""
    found = chain.device()
    with chain.opened(Line(found)) as device:
        results = device.infer(chain.x)
        next(results)
        device._commands.session.tag = bytes(4)
        with pytest.raises(LinkError, match="must answer with results of its network for samples"):
            list(results)


@pytest.mark.parametrize(
    ("kind", "payload", "answer", "message"),
    [
        (99, b"", FrameType.DONE, "the device knows no such command"),
        (FrameType.TOKENS, b"\x05\0", FrameType.DONE, "the network has no such input"),
        (FrameType.TOKENS, b"", FrameType.DONE, "the payload is too short for the command"),
        (FrameType.LOAD, b"", FrameType.LOADED, "the device was built without it"),
    ],
)
def test_commands_that_are_refused(chain, kind, payload, answer, message):
    with chain.opened() as device:
        with pytest.raises(
            LinkError, match=f"^line: the device must be able to do it, found {message}"
        ):
            device._commands.ask(kind, [payload], answer)
        assert device.echo(b"next") == b"next"


def test_a_network_that_was_swapped_is_never_believed(chain):
    with chain.opened() as device:
        results = device.infer({"x": chain.x})
        next(results)
        device._transport.device.network = bytes(32)
        with pytest.raises(
            LinkError, match="found the device has another network|answer with results"
        ):
            list(results)
        assert device.echo(b"next") == b"next"


def test_a_board_that_was_swapped_is_found_out(chain):
    with chain.opened(Line(chain.device(command_s=1e-3))) as device:
        results = device.infer({"x": chain.x})
        next(results)
        model = device._transport.device
        model.reset()
        model.plan = bytes(32)  # the same network, of another bitstream
        with pytest.raises(
            LinkError, match="^line: the device must stay the one that it was, found an"
        ):
            list(results)
    with chain.opened(Line(chain.device(command_s=1e-3))) as device:
        results = device.infer({"x": chain.x})
        next(results)
        device._transport.device.reset()
        device._transport.device.ready = False
        with pytest.raises(
            LinkError, match="found one that has lost its network; load the network ag"
        ):
            list(results)


def test_a_board_that_resets_again_and_again(chain):
    line = Line(chain.device(), replace(Hostility(), reset=1.0))
    with pytest.raises(LinkError, match="^line: the device must (stay up until|answer within)"):
        with chain.opened(line) as device:
            list(device.infer({"x": chain.x}))


def test_one_thing_at_a_time(chain):
    with chain.opened() as device:
        results = device.infer({"x": chain.x})
        next(results)
        with pytest.raises(
            ConfigurationError, match="^line: results must be taken to their end befor"
        ):
            device.echo(b"")
        with pytest.raises(
            ConfigurationError, match="^line: results must be taken to their end befor"
        ):
            next(device.infer({"x": chain.x}))
        assert len(list(results)) == len(chain.x) - 1
        assert device.echo(b"") == b""


def test_a_device_of_no_project(chain):
    with Device(Line(chain.device())) as device:
        assert device.target is None and device.echo(b"x") == b"x"
        with pytest.raises(
            ConfigurationError, match="^line: samples and counters must have a project"
        ):
            device.infer({"x": chain.x})
        with pytest.raises(
            ConfigurationError, match="^line: samples and counters must have a project"
        ):
            device.counters()


# --- what is not the project's -------------------------------------------------------------------


def test_another_network(chain, tmp_path):
    network = bounded_chain((12, 9, 4), seed=2)
    make_project(tmp_path, network, default_plan(network, Mode.COLLAPSED))
    with pytest.raises(
        LinkError, match="^line: the device must have network 'chain-2', .* found anoth"
    ):
        Device(Line(chain.device()), tmp_path)
    with pytest.raises(LinkError, match="; run: spikewright load .* --port line, or put this proj"):
        Device(Line(chain.device(memories=[(1, 1)])), tmp_path)


def test_another_bitstream(chain):
    with pytest.raises(LinkError, match="one of the plans of .*: collapsed .* found another bits"):
        chain.opened(Line(chain.device(plan=bytes(32))))


def test_another_board(chain, tmp_path):
    make_project(tmp_path, chain.network, default_plan(chain.network, Mode.COLLAPSED))
    report = tmp_path / "build" / "icebreaker" / "build.json"
    report.parent.mkdir(parents=True)
    report.write_text('{"board": "icebreaker"}')
    with pytest.raises(
        LinkError, match="was built for: icebreaker, found 'model'; give another --po"
    ):
        Device(Line(chain.device()), tmp_path)
    Device(Line(chain.device(board=b"icebreaker")), tmp_path)


def test_a_network_that_is_not_loaded(chain):
    with pytest.raises(LinkError, match="must have network .*, found one that waits for its netw"):
        chain.opened(Line(chain.device(ready=False)))


def test_no_project(chain, tmp_path):
    with pytest.raises(
        FileError, match="the folder must be a project, found no network.safetensors"
    ):
        Device(Line(chain.device()), tmp_path)


def test_another_number_of_inputs_and_identities_that_are_none(chain):
    model = chain.device()
    model.accelerator.inputs.append(model.accelerator.inputs[0])
    with pytest.raises(LinkError, match="^line: the device must have 1 inputs, found 2; build"):
        chain.opened(Line(model))
    model = chain.device()
    model._identify = lambda payload, tag, now: (144, b"short")
    with pytest.raises(LinkError, match="^line: an identity must have 92 bytes, found 5; build"):
        chain.opened(Line(model))
