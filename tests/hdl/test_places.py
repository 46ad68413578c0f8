"""Every group of every host is shown once, in order; its neurons and addresses are the axes'."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from spikewright.golden.spec import Fire, Interval, Mode, Payload, Population, Soma
from spikewright.hdl.host_config import HostConfig
from spikewright.hdl.places import Places
from spikewright.hdl.token import Axis, TokenLayout, axes_of
from support.streams import simulate


def hosts(shapes, banks, slices=None):
    made, group, block = [], 0, 0
    for k, shape in enumerate(shapes):
        axes = axes_of(shape, banks)
        first, last = (slices or {}).get(k, (0, axes[0].size))
        local = (Axis(size=last - first, banks=banks[0]), *axes[1:])
        made.append(
            HostConfig(
                population=Population(
                    name=f"p{k}", shape=shape, soma=Soma(fire=Fire.BINARY), payload=Payload.UNIT
                ),
                mode=Mode.STEPWISE,
                first_channel=first,
                axes=local,
                target=TokenLayout(axes=axes, low=0, high=1),
                v=Interval(0, 1),
                added=Interval(0, 1),
                tracer=None,
                first_group=group,
                first_block=block,
                every_step=False,
                replays=False,
            )
        )
        group += made[-1].groups
        block += made[-1].blocks[0]
    return made


class Watched(wiring.Component):
    """Places with the address and the lanes of the group that is shown."""

    def __init__(self, parts):
        self.places = Places(hosts=parts)
        lanes = int(np.prod([axis.banks for axis in parts[0].axes]))
        bits = max(host.target.address_bits for host in parts)
        super().__init__({"base": Out(bits), "mask": Out(lanes)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.places = self.places
        shown = Signal(self.places.place.shape())
        m.d.comb += shown.eq(self.places.place)
        m.d.comb += [
            self.base.eq(self.places.base(shown)),
            self.mask.eq(self.places.mask(shown)),
        ]
        return m


def expected(host):
    """(group, channel block in the core, address of place 0, lanes that are neurons) in order."""
    shape = [axis.blocks for axis in host.axes]
    banks = [axis.banks for axis in host.axes]
    found = []
    for index, place in enumerate(np.ndindex(*shape)):
        neurons = [[p * b + k for k in range(b)] for p, b in zip(place, banks, strict=True)]
        inside = [
            [n < axis.size for n in each] for each, axis in zip(neurons, host.axes, strict=True)
        ]
        mask = np.multiply.outer(np.multiply.outer(inside[1], inside[2]), inside[0]).reshape(-1)
        corner = [host.first_channel + neurons[0][0], neurons[1][0], neurons[2][0]]
        neuron = np.ravel_multi_index(corner, host.target.shape)
        found.append(
            (
                host.first_group + index,
                host.first_block + place[0],
                int(host.target.encode(neuron)),
                sum(1 << lane for lane, is_neuron in enumerate(mask) if is_neuron),
            )
        )
    return found


@pytest.mark.parametrize(
    ("shapes", "banks", "slices"),
    [
        ([(1,)], (1, 1, 1), {}),
        ([(7,)], (3, 1, 1), {}),
        ([(5, 3, 4)], (2, 2, 3), {}),
        ([(5, 3, 4)], (2, 1, 1), {0: (2, 5)}),
        ([(12, 1, 2)], (3, 1, 2), {0: (3, 9)}),
        ([(5, 3, 4), (4, 5, 1), (1, 2, 2)], (2, 2, 1), {}),
        ([(9,), (4,)], (4, 1, 1), {}),
    ],
)
def test_every_group_of_every_host(shapes, banks, slices):
    parts = hosts(shapes, banks, slices)
    dut = Watched(parts)
    places = dut.places

    async def bench(ctx):
        for number in [*range(len(parts)), 0, *reversed(range(len(parts)))]:
            ctx.set(places.host, number)
            ctx.set(places.start, 1)
            for _ in range(places.latency):
                await ctx.tick()
                ctx.set(places.start, 0)
            ctx.set(places.host, 0)
            for now, (group, block, base, mask) in enumerate(expected(parts[number])):
                assert ctx.get(places.asks)
                assert ctx.get(places.host_held) == number
                seen = (ctx.get(places.place.group), ctx.get(places.place.block))
                assert seen == (group, block)
                assert (ctx.get(dut.base), ctx.get(dut.mask)) == (base, mask)
                if now % 3 == 1:  # it waits until it is taken
                    await ctx.tick()
                    assert ctx.get(places.place.group) == group
                ctx.set(places.advance, 1)
                await ctx.tick()
                ctx.set(places.advance, 0)
            assert not ctx.get(places.asks)

    simulate(dut, bench)
