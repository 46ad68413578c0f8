"""What is too large for a board is refused with the memory, the excess and what would fit."""

import pytest

from spikewright.boards import get_board
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import check_fits, memory_use
from spikewright.golden.errors import RangeError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, WeightStore
from support.chains import bounded_chain


def made(sizes, *, bits=4, **plan):
    network = bounded_chain(sizes, seed=1, bits=bits)
    return network, default_plan(network, Mode.COLLAPSED, **plan)


def names(uses):
    return {use.name: (use.rows, use.bits, use.blocks) for use in uses}


def test_memories_of_a_chain():
    network, plan = made((64, 32, 10), lanes=8)
    uses = names(memory_use(network, plan, get_board("icebreaker")))
    assert uses["the weights of 'h0'"] == (4 * 64, 8 * 4, 2)
    assert uses["the weights of 'out'"] == (2 * 32, 8 * 4, 2)
    assert uses["the queue of 'h0'"][2] == 1
    assert uses["the membranes of 'h0'"][0] == 4
    assert uses["the membranes of 'h0'"][2] == 0


def test_queues_are_not_block_ram_where_there_is_lut_ram():
    network, plan = made((64, 32, 10), lanes=8)
    assert not any("queue" in use.name for use in memory_use(network, plan, get_board("ulx3s-85f")))


def test_memories_follow_the_plan():
    network, plan = made(
        (64, 32, 10), lanes=8, weights=WeightStore.LOGIC, membranes=MembraneStore.BLOCK
    )
    uses = names(memory_use(network, plan, get_board("ulx3s-85f")))
    assert set(uses) == {"the membranes of 'h0'", "the membranes of 'out'"}
    assert all(blocks > 0 for _, _, blocks in uses.values())


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s-85f"])
def test_a_small_network_fits(board):
    check_fits(*made((64, 32, 10), lanes=8), get_board(board), tokens=65)


def test_weights_too_many_for_the_small_board():
    with pytest.raises(
        RangeError,
        match=r"^network 'chain-1' on icebreaker: the memories in block RAM must fit the 29 of 30 "
        r"EBR that are left beside the self-test's, found \d+, \d+ too many; the largest are the "
        r"weights of 'h0', 6272 rows of 64 bits in 100 EBR; the board ulx3s-85f would do$",
    ):
        check_fits(*made((784, 128, 10), lanes=16), get_board("icebreaker"))


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
    network, plan = made((16, 128, 10), lanes=128)
    board = get_board("icebreaker")
    with pytest.raises(RangeError, match=r"at most (\d+) lanes would fit") as caught:
        check_fits(network, plan, board)
    lanes = int(caught.value.action.split("at most ")[1].split()[0])
    check_fits(network, default_plan(network, Mode.COLLAPSED, lanes=lanes), board)


def test_too_large_for_every_board():
    with pytest.raises(RangeError, match=r"make the network smaller$"):
        check_fits(*made((4000, 1000, 10), lanes=64), get_board("ulx3s-85f"))


def test_the_stored_sample_counts():
    network, plan = made((64, 32, 10), lanes=8)
    with pytest.raises(RangeError, match=r"must fit the -?\d+ of 30 EBR"):
        check_fits(network, plan, get_board("icebreaker"), tokens=20000)


def test_membranes_too_many_for_flip_flops():
    network, plan = made((8, 700, 10), lanes=8, membranes=MembraneStore.REGISTERS)
    with pytest.raises(
        RangeError, match=r"membranes in flip-flops must fit the 5280 of the board, found \d+ bits"
    ):
        check_fits(network, plan, get_board("icebreaker"))
