"""Words of the output to labels and values, for every kind of readout."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.layout import Layout
from spikewright.flow.cosim.streams import OUTPUT
from spikewright.flow.host.output import OutputReader, split_result
from spikewright.golden.errors import LinkError
from spikewright.golden.model import Model
from spikewright.golden.spec import Decision, Mode, Readout, ReadoutKind
from spikewright.hdl import TokenLayout
from spikewright.hdl.token import axes_of
from support.branching import branching, convolution, inputs_of
from support.chains import bounded_chain, counting_chain, inputs_for


def layout(shape, *, low=-(1 << 15), high=(1 << 15) - 1, slots=1):
    token = TokenLayout(axes=axes_of(shape), low=low, high=high, valued=low < 0, slots=slots)
    return Layout.from_manifest(token.as_dict(), where="test")


def read_all(network, mode, x, made):
    """Label and values of each sample, as from the bytes that a device would send."""
    stream = golden_streams(network, mode, x, None)[OUTPUT]
    reader = OutputReader(network, made, where="here")
    size = -(-made.width // 8)
    found = []
    for first, last in zip(stream.starts[:-1], stream.starts[1:], strict=True):
        part = slice(first, last)
        words = made.pack(stream.kind[part], stream.address[part], stream.payload[part])
        gathered, _ = made.gather(words, np.array([0, words.size]))
        data = b"".join(int(word).to_bytes(size, "little") for word in gathered)
        tokens = reader.tokens(data)
        assert np.array_equal(tokens, words)
        found.append(reader.read(tokens))
    return found


@pytest.mark.parametrize("decision", [Decision.ARGMAX, Decision.RAW])
@pytest.mark.parametrize("mode", Mode)
def test_values_at_the_end(decision, mode):
    network = bounded_chain((12, 9, 4), seed=1, decision=decision)
    x = inputs_for(network, 10)
    golden = Model(network).run(x, mode=mode)
    for k, (label, values) in enumerate(read_all(network, mode, x, layout((4,)))):
        assert values.tolist() == golden.values[k].tolist()
        assert label == (int(golden.labels[k]) if decision is Decision.ARGMAX else None)


def test_a_label_for_each_position():
    rng = np.random.default_rng(1)
    wires = [("x", "o", convolution(rng, 3, 1, (3, 3), padding=1))]
    network = branching({"x": (1, 4, 4)}, {"o": (3, 4, 4)}, wires, seed=1)
    x = inputs_of(network, 5, seed=2)
    golden = Model(network).run(x, mode=Mode.COLLAPSED)
    found = read_all(network, Mode.COLLAPSED, x, layout((16,), low=0, high=2))
    for k, (label, values) in enumerate(found):
        assert label.tolist() == values.tolist() == golden.labels[k].reshape(-1).tolist()


@pytest.mark.parametrize("slots", [1, 3])
def test_a_stream(slots):
    chain = counting_chain((12, 9, 4), seed=1)
    readout = Readout(population="out", kind=ReadoutKind.STREAM, decision=Decision.RAW)
    network = replace(chain, readout=readout)
    x = inputs_for(network, 10)
    golden = Model(network).run(x, mode=Mode.STEPWISE, trace=True)
    made = layout((4,), low=0, high=1, slots=slots)
    for k, (label, values) in enumerate(read_all(network, Mode.STEPWISE, x, made)):
        assert label is None
        assert values.tolist() == golden.trace.spikes["out"][:, k].tolist()


def test_results_that_are_none():
    assert split_result(b"ab" + struct.pack("<II", 7, 9), where="") == (b"ab", 7, 9)
    assert split_result(struct.pack("<II", 7, 0xFFFFFFFF), where="") == (b"", 7, None)
    with pytest.raises(LinkError, match="^here: a result must have at least 8 bytes, found 7"):
        split_result(bytes(7), where="here")
    network = bounded_chain((12, 9, 4), seed=1)
    made = layout((3,), low=0, high=0)
    reader = OutputReader(network, made, where="here")
    end, spike, none = b"\x02", b"\x00", b"\x0c"
    assert reader.tokens(spike + end).tolist() == [0, 2]
    for wrong in (b"", spike, end + end, end + spike, none + end):
        with pytest.raises(
            LinkError, match="^here: a result must be tokens of 1 bytes that end with"
        ):
            reader.tokens(wrong)
