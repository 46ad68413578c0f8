"""What is too large for a board is refused with the memory, the excess and what would fit."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.boards import get_board
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import check_fits, memories_of, memory_use, stored_sample
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, WeightStore
from support.branching import branching, convolution, dense
from support.chains import bounded_chain, counting_chain


def made(sizes, *, bits=4, **plan):
    network = bounded_chain(sizes, seed=1, bits=bits)
    return network, default_plan(network, Mode.COLLAPSED, **plan)


def uses(network, plan, board):
    return {str(use.memory): use for use in memory_use(network, plan, get_board(board))}


def test_memories_of_a_chain():
    used = uses(*made((64, 32, 10), lanes=8), "icebreaker")
    weights = used["the weights of 'h0'"]
    assert (weights.memory.parts, weights.blocks) == (((4 * 64, 8 * 4),), 2)
    assert used["the weights of 'out'"].blocks == 2
    assert used["the queue of 'h0'"].blocks == 1
    membranes = used["the membranes of 'h0'"]
    assert membranes.blocks == 0
    assert membranes.registers == membranes.memory.bits == 4 * 8 * membranes.memory.bits // 32


def test_queues_are_not_block_ram_where_there_is_lut_ram():
    used = uses(*made((64, 32, 10), lanes=8), "ulx3s-85f")
    queue = used["the queue of 'h0'"]
    assert queue.blocks == queue.registers == 0 < queue.luts


def test_memories_follow_the_plan():
    network, plan = made(
        (64, 32, 10), lanes=2, weights=WeightStore.LOGIC, membranes=MembraneStore.BLOCK
    )
    used = uses(network, plan, "ulx3s-85f")
    assert all(used[f"the membranes of {name!r}"].blocks > 0 for name in ("h0", "out"))
    assert all(used[f"the weights of {name!r}"].blocks == 0 for name in ("h0", "out"))
    assert used["the weights of 'h0'"].luts == 64 * 32 * 4 // 16


def test_large_rams():
    network, plan = made(
        (784, 128, 10), lanes=(16, 5), weights=WeightStore.SPRAM, membranes=MembraneStore.BLOCK
    )
    used = uses(network, plan, "icebreaker")
    weights = used["the weights of 'h0'"]
    assert weights.memory.parts == ((6272, 16),) * 4
    assert (weights.large, weights.blocks, weights.luts) == (4, 0, 0)
    check_fits(network, plan, get_board("icebreaker"), stored=[(300, 12)])
    with pytest.raises(
        ConfigurationError,
        match=r"^the weights of 'h0' must be in block RAM or logic: ulx3s-85f has no large RAMs, "
        r"found spram; generate with --weights block, or choose another board$",
    ):
        check_fits(network, plan, get_board("ulx3s-85f"))


def test_too_many_for_the_large_rams():
    network, plan = made(
        (784, 128, 10), lanes=(17, 5), weights=WeightStore.SPRAM, membranes=MembraneStore.BLOCK
    )
    with pytest.raises(
        RangeError,
        match=r"the memories in large RAMs must fit the 4 of icebreaker .*, found 5 SPRAM, 1 too "
        r"many; .*; at most 16 lanes would fit; weights of at most 3 bits would fit",
    ):
        check_fits(network, plan, get_board("icebreaker"))


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s-85f"])
def test_a_small_network_fits(board):
    check_fits(*made((64, 32, 10), lanes=8), get_board(board), stored=[(65, 12)])


def test_weights_too_many_for_the_small_board():
    network, plan = made((784, 128, 10), lanes=16, membranes=MembraneStore.BLOCK)
    with pytest.raises(
        RangeError,
        match=r"^network 'chain-1' on icebreaker: the memories in block RAM must fit the 28 of "
        r"icebreaker that are left beside a stored sample's, found \d+ EBR, \d+ too many; the "
        r"largest are the weights of 'h0', 6272 rows of 64 bits in 128 EBR; weights in spram "
        r"would fit; the board tang-nano-20k would do$",
    ):
        check_fits(network, plan, get_board("icebreaker"), stored=[(700, 10)])


def test_fewer_bits_or_lanes_are_offered_where_they_help():
    network, plan = made((256, 64, 10), bits=8, lanes=16)
    board = get_board("icebreaker")
    with pytest.raises(RangeError, match=r"weights of at most (\d) bits would fit") as caught:
        check_fits(network, plan, board)
    bits = int(caught.value.action.split("weights of at most ")[1][0])
    check_fits(*made((256, 64, 10), bits=bits, lanes=16), board)
    with pytest.raises(RangeError):
        check_fits(*made((256, 64, 10), bits=bits + 1, lanes=16), board)


def test_advice_on_lanes_holds():
    """Wide, shallow rows waste block RAM; narrower ones would not."""
    network, plan = made((40, 128, 10), lanes=128)
    board = get_board("icebreaker")
    with pytest.raises(RangeError, match=r"at most (\d+) lanes would fit") as caught:
        check_fits(network, plan, board)
    lanes = int(caught.value.action.split("at most ")[1].split()[0])
    fewer = default_plan(network, Mode.COLLAPSED, lanes=lanes, membranes=MembraneStore.BLOCK)
    check_fits(network, fewer, board)


def test_too_large_for_every_board():
    with pytest.raises(RangeError, match=r"make it smaller$"):
        check_fits(*made((2600, 500, 10), lanes=64), get_board("ulx3s-85f"))


def test_the_stored_sample_counts():
    network, plan = made((64, 32, 10), lanes=8)
    with pytest.raises(RangeError, match=r"must fit the -?\d+ of icebreaker that are left beside"):
        check_fits(network, plan, get_board("icebreaker"), stored=[(20000, 10)])


def test_membranes_too_many_for_flip_flops():
    network, plan = made((8, 600, 10), lanes=8, membranes=MembraneStore.REGISTERS)
    with pytest.raises(
        RangeError,
        match=r"the memories in flip-flops must fit the 5280 of icebreaker .* the largest are the "
        r"membranes of 'h0', 75 rows of \d+ bits in \d+ FF; membranes in block would fit",
    ):
        check_fits(network, plan, get_board("icebreaker"))


def test_membranes_of_a_map_too_many_for_block_ram():
    """The population, the bits that it needs, and what would fit."""
    rng = np.random.default_rng(1)
    wires = [
        ("x", "a", convolution(rng, 12, 1, (3, 3), padding=1)),
        ("a", "b", convolution(rng, 4, 12, (5, 5), stride=5)),
        ("b", "out", dense(rng, 4 * 4 * 4, 5)),
    ]
    shapes = {"a": (12, 20, 20), "b": (4, 4, 4), "out": (5,)}
    network = branching({"x": (1, 20, 20)}, shapes, wires, seed=2)
    plan = default_plan(network, Mode.COLLAPSED, lanes=108, membranes=MembraneStore.BLOCK)
    with pytest.raises(
        RangeError,
        match=r"the largest are the membranes of 'a', 49 rows of \d+ bits in \d+ EBR; at",
    ) as caught:
        check_fits(network, plan, get_board("icebreaker"))
    lanes = int(caught.value.action.split("at most ")[1].split()[0])
    fewer = default_plan(network, Mode.COLLAPSED, lanes=lanes, membranes=MembraneStore.BLOCK)
    check_fits(network, fewer, get_board("icebreaker"))


def test_counts_are_flip_flops():
    network = counting_chain((20, 8), seed=1)
    used = uses(network, default_plan(network, Mode.STEPWISE), "ulx3s-85f")
    counts = used["the counts of 'out'"]
    assert counts.registers == counts.memory.bits == 8 * 3


def test_no_lut_ram():
    network, plan = made((8, 40, 10), lanes=2)
    with pytest.raises(
        ConfigurationError,
        match=r"^the membranes of 'h0' must be in block RAM or registers: icebreaker has no LUT "
        r"RAM, found lutram; generate with --membranes block, or registers where they are few$",
    ):
        check_fits(network, plan, get_board("icebreaker"))


def test_no_block_ram():
    network, plan = made((64, 32, 10), lanes=8, weights=WeightStore.BLOCK)
    ulx3s = get_board("ulx3s-85f")
    board = replace(ulx3s, block_ram=replace(ulx3s.block_ram, count=0))
    with pytest.raises(
        ConfigurationError,
        match=r"^the weights of 'h0' must be in registers, LUT RAM or logic: ulx3s-85f has no "
        r"block RAM, found block; choose another store, or another board$",
    ):
        check_fits(network, plan, board)


def test_a_sample_of_one_token_is_no_memory():
    network, plan = made((64, 32, 10), lanes=8)
    values = np.zeros((1, 64), dtype=np.int64)
    assert memories_of(stored_sample(network, Mode.COLLAPSED, values), network, plan) == []
    values[0, 5] = 1
    ((rows, bits),) = memories_of(
        stored_sample(network, Mode.COLLAPSED, values), network, plan
    )  # a spike and the END
    assert rows == 2 and bits > 6
