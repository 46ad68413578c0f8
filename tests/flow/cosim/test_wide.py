"""Several spikes in a token, from the host and from core to core, in all modes, with stalls."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Const

from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl.wide_synapses import WideSynapses
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check

pytestmark = pytest.mark.pairs

SIZES = (12, 9, 7, 6, 3)


def case(mode, *, spikes=2, sweep_lanes=4, sizes=SIZES, stalls=(None, None), seed=1, samples=6):
    network = bounded_chain(sizes, seed=seed, high=3)
    plan = default_plan(network, mode, lanes=64, sweep_lanes=sweep_lanes, spikes=spikes)
    assert [core.spikes for core in plan.cores] == [spikes] * (len(sizes) - 1)
    return Case(
        network=network,
        plan=plan,
        inputs={"x": inputs_for(network, samples, seed=seed)},
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=stalls,
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("spikes", [2, 4])
@pytest.mark.parametrize("stalls", [(None, None), ("0100", "1010"), ("1110", "01")])
def test_every_spike_is_equal(tmp_path, mode, spikes, stalls):
    check(case(mode, spikes=spikes, stalls=stalls), tmp_path)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("sizes", [(1, 2, 1), (33, 20, 17, 4)])
@pytest.mark.parametrize("sweep_lanes", [1, 16])
def test_other_sizes(tmp_path, mode, sizes, sweep_lanes):
    check(case(mode, sizes=sizes, sweep_lanes=sweep_lanes, seed=3), tmp_path)


def test_a_row_of_a_slot_without_a_spike_is_found(tmp_path, monkeypatch):
    def row(self, address):
        return Cat(address.address, Const(0, self.memory.address_bits - len(address.address)))

    monkeypatch.setattr(WideSynapses, "_row", row)
    with pytest.raises(MismatchError):
        check(case(Mode.STEPWISE), tmp_path)


def test_words_are_fewer_than_spikes(tmp_path):
    each = case(Mode.COLLAPSED, samples=1)
    generate(each.network, each.plan, tmp_path)
    (source,) = read_manifest(tmp_path).inputs
    kind = np.array([0, 0, 0, 2, 0, 2])
    words, starts = source.layout.gather(
        source.layout.pack(kind, np.arange(6) * (kind == 0), kind == 0), np.array([0, 4, 6])
    )
    assert (len(words), starts.tolist()) == (5, [0, 3, 5])
