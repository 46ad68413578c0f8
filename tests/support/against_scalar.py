"""The comparison of the golden model with the scalar one: everything that both know, by ==."""

import random
from collections.abc import Sequence

import numpy as np

from spikewright.golden.model import Model, Result
from spikewright.golden.spec import Decision, Encoding, Mode, Network, ReadoutKind
from support.scalar_network import ScalarRun, run_collapsed, run_settle, run_stepwise

__all__ = ["assert_equal", "same_as_scalar"]


def same_as_scalar(
    network: Network,
    inputs: dict[str, np.ndarray],
    mode: Mode,
    steps: int | None = None,
    shuffle: random.Random | None = None,
    keep: Sequence[bool] | None = None,
) -> Result:
    """Run a batch in both models and compare it whole; gives the golden model's result.

    ``keep``: of streams, where nothing is stepwise.
    """
    result = Model(network).run(inputs, mode=mode, steps=steps, trace=True, keep=keep)
    batch = len(next(iter(inputs.values())))
    n = network.population(network.readout.population).n
    stream = network.readout.kind is ReadoutKind.STREAM
    assert result.values.shape == ((batch, steps, n) if stream else (batch, n))
    before = None
    for b in range(batch):
        sample = {name: values[b].tolist() for name, values in inputs.items()}
        match mode:
            case Mode.STEPWISE:
                run = run_stepwise(network, sample, steps, shuffle)
            case Mode.SETTLE:
                counts = settle_steps(network, sample, steps)
                run = run_settle(network, sample, counts, shuffle, before)
            case Mode.COLLAPSED:
                run = run_collapsed(network, sample, before)
        assert_equal(network, result, b, run)
        before = None
        if keep is not None and keep[b]:
            before = {name: [sum(n) for n in zip(*each)] for name, each in run.spikes.items()}
    return result


def settle_steps(network: Network, sample: dict, steps: int | None) -> dict[str, int]:
    """Steps of every input in settle."""
    found = {}
    for each in network.inputs:
        match each.encoding:
            case Encoding.ONCE | Encoding.THRESHOLD:
                found[each.name] = 1
            case Encoding.PHASE:
                found[each.name] = each.high.bit_length()
            case Encoding.LATENCY:
                found[each.name] = each.high
            case Encoding.EVENTS:
                found[each.name] = len(sample[each.name])
            case Encoding.SPREAD if steps is None:
                found[each.name] = min(max(1, each.high), network.max_steps)
            case _:
                found[each.name] = steps
    return found


def assert_equal(network: Network, result: Result, b: int, run: ScalarRun) -> None:
    """Sample b of the golden model's result is the scalar run, spike by spike."""
    trace = result.trace
    assert set(trace.spikes) == set(trace.steps) == set(run.spikes)
    assert set(trace.membranes) == set(run.membranes)
    for name, spikes in run.spikes.items():
        assert trace.steps[name][b].item() == run.steps[name], name
        count = len(spikes)  # after its own end a sample is filled up: no spikes, v as it was
        assert trace.spikes[name][:count, b].tolist() == spikes, name
        assert not trace.spikes[name][count:, b].any(), name
        assert result.events[name][b].item() == run.events(name), name
    for name, membranes in run.membranes.items():
        count = len(membranes)
        found = trace.membranes[name][:, b].tolist()
        assert found[:count] == membranes, name
        assert found[count:] == [membranes[-1]] * (len(found) - count), name
    assert result.values[b].tolist() == run.values
    if network.readout.decision is Decision.ARGMAX:
        label = run.label(network.population(network.readout.population))
        assert result.labels[b].tolist() == label
    else:
        assert result.labels is None
