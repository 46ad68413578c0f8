"""A word read while it is written, or just before, is the one that is written."""

import itertools
import random

import pytest

from spikewright.hdl.plan import MembraneStore
from spikewright.hdl.update import UpdateMemory, cheapest_store
from support.stores import TWO_PORTS
from support.streams import simulate


def run(dut, addresses, writes, moves):
    """Each word is what was written last at its address; a write adds one to the word."""
    depth, shown = dut.depth, []
    truth = [0] * depth
    expected = []
    for address, writes_here in zip(addresses, writes, strict=True):
        expected.append(truth[address])
        truth[address] = (truth[address] + writes_here) % (1 << dut.width)
    queue = [*((address, True) for address in addresses), *[(0, False)] * dut.latency]

    async def bench(ctx):
        inside = []
        going = itertools.cycle(moves)
        writing = iter(writes)
        while queue:
            address, real = queue[0]
            moving = next(going) == "1"
            ctx.set(dut.moves, moving)
            ctx.set(dut.address, address)
            leaving = inside[0] if len(inside) == dut.latency else False
            add = next(writing) if leaving and moving else 0
            # What is not written means nothing, and so does a write that does not move.
            ctx.set(dut.write, add > 0 or not moving)
            ctx.set(dut.data, ctx.get(dut.word) + (add or 5))
            if moving:
                if leaving:
                    shown.append(ctx.get(dut.word))
                inside = [*inside, real][-dut.latency :]
                queue.pop(0)
            await ctx.tick()

    simulate(dut, bench)
    assert shown == expected


@pytest.mark.parametrize("moves", ["1", "10", "0011"])
@pytest.mark.parametrize("store", TWO_PORTS)
def test_every_sequence_of_four_among_two_words(store, moves):
    """Every order of two words, each written or not, one behind the other."""
    choices = list(itertools.product(range(2), range(2)))
    sequence = [item for four in itertools.product(choices, repeat=4) for item in four]
    addresses, writes = zip(*sequence, strict=True)
    run(UpdateMemory(depth=2, width=12, store=store), addresses, writes, moves)


@pytest.mark.parametrize("depth", [1, 3, 70])
def test_random_addresses(depth):
    rng = random.Random(depth)
    addresses = [rng.randrange(min(depth, 4)) for _ in range(200)]
    writes = [rng.randrange(3) for _ in addresses]
    dut = UpdateMemory(depth=depth, width=9, store=cheapest_store(depth))
    run(dut, addresses, writes, "1101")


def test_the_cheapest_store():
    assert cheapest_store(8) is MembraneStore.REGISTERS
    assert cheapest_store(9) is MembraneStore.BLOCK
