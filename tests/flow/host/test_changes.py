"""A device whose network is sent changes: the host tells it those, from frame to frame."""

import numpy as np
import pytest
import torch

from spikewright.flow.host import Device, device
from spikewright.flow.host.levels import changes
from spikewright.flow.plan import default_plan
from spikewright.flow.recurrent import RecurrentConfig, RecurrentNetwork
from spikewright.golden.spec import Mode
from support.line import Line
from support.linked import golden_device, make_project

FRAMES = 4


def prepared(folder, mode, keep):
    """A device that knows what the golden model answers, samples, and those answers."""
    torch.manual_seed(0)
    config = RecurrentConfig(inputs=6, hidden=8, classes=3, input_levels=5, form="delta")
    network = RecurrentNetwork(config).network()
    manifest = make_project(folder, network, default_plan(network, mode))
    x = np.random.default_rng(1).integers(0, 6, (len(keep), 6))
    found, expected = golden_device(folder, network, manifest, {"input": x}, keep=keep)
    return Device(Line(found), folder), x, expected


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_sequences(tmp_path, mode):
    keep = ([True] * (FRAMES - 1) + [False]) * 5
    opened, x, expected = prepared(tmp_path, mode, keep)
    with opened as device:
        results = list(device.infer(x.reshape(5, FRAMES, 6)))
        for k, result in enumerate(results):
            wanted = np.concatenate(expected[k * FRAMES : (k + 1) * FRAMES])
            assert np.array_equal(result.tokens, wanted)
        again = list(device.infer(x.reshape(5, FRAMES, 6)))
        assert [each.label for each in again] == [each.label for each in results]


def test_a_stream(tmp_path):
    opened, x, expected = prepared(tmp_path, Mode.SETTLE, [True] * 7 + [False])
    with opened as device:
        for _ in range(2):
            for wanted, result in zip(expected, device.stream({"input": x}), strict=True):
                assert np.array_equal(result.tokens, wanted)


def test_levels_sent_in_place_of_changes_are_found(tmp_path, monkeypatch):
    opened, x, _ = prepared(tmp_path, Mode.SETTLE, [True] * 7 + [False])
    monkeypatch.setattr(device, "changes", lambda network, levels, before: levels)
    with opened as found, pytest.raises(AssertionError, match="was sent a sample that is none"):
        list(found.stream({"input": x}))


def test_only_inputs_that_send_changes_are_told_so(tmp_path):
    torch.manual_seed(0)
    levels, before = {"input": np.array([3, 1])}, {"input": np.array([1, 1])}
    for form, wanted in (("fresh", [3, 1]), ("delta", [2, 0])):
        config = RecurrentConfig(inputs=2, hidden=2, classes=2, input_levels=5, form=form)
        network = RecurrentNetwork(config).network()
        assert changes(network, levels, before)["input"].tolist() == wanted
        assert changes(network, levels, None)["input"].tolist() == [3, 1]
