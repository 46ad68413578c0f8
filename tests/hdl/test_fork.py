"""Every branch gets every token once, in order, whatever the others do."""

import itertools
import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.fork import Fork
from spikewright.hdl.token import TokenLayout, axes_of
from support.ports import run_ports

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
TOKENS = [{"kind": k % 3, "address": k % 5, "payload": k % 7 - 3} for k in range(40)]
PATTERNS = ["1", "10", "001", "01101"]


def read(payload):
    return {"kind": payload.kind, "address": payload.address, "payload": payload.payload}


def test_a_fork_of_one_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"^a fork must have at least 2 branches, found 1$"
    ):
        Fork(layout=LAYOUT, branches=1)


@pytest.mark.parametrize(
    ("valid", "a", "b"), list(itertools.product(["1", "110"], PATTERNS, PATTERNS))
)
def test_all_tokens_reach_both_branches(valid, a, b):
    drains = {"o_0": (len(TOKENS), a), "o_1": (len(TOKENS), b)}
    _, out = run_ports(Fork(layout=LAYOUT, branches=2), {"i": (TOKENS, valid)}, drains, read=read)
    assert out["o_0"].payloads == TOKENS
    assert out["o_1"].payloads == TOKENS


@pytest.mark.parametrize("seed", range(4))
def test_random_stalls_of_four_branches(seed):
    rng = random.Random(seed)
    stalls = ["".join(rng.choices("01", k=37)) + "1" for _ in range(5)]
    drains = {f"o_{k}": (len(TOKENS), stalls[k]) for k in range(4)}
    dut = Fork(layout=LAYOUT, branches=4)
    _, out = run_ports(dut, {"i": (TOKENS, stalls[4])}, drains, read=read)
    for branch in out.values():
        assert branch.payloads == TOKENS


def test_a_branch_does_not_wait_for_another_one():
    """While one branch stalls, the other gets the token, and only that one."""
    dut = Fork(layout=LAYOUT, branches=2)
    drains = {"o_0": (len(TOKENS), "1"), "o_1": (len(TOKENS), "0000000001")}
    _, out = run_ports(dut, {"i": (TOKENS, "1")}, drains, read=read)
    first = [now for now, _ in out["o_0"].items]
    second = [now for now, _ in out["o_1"].items]
    assert first[0] == 0
    assert first[1:] == [now + 1 for now in second[:-1]]


def test_latency_and_interval():
    dut = Fork(layout=LAYOUT, branches=3)
    drains = {f"o_{k}": (len(TOKENS), "1") for k in range(3)}
    sent, out = run_ports(dut, {"i": (TOKENS, "1")}, drains, read=read)
    for branch in out.values():
        times = [now for now, _ in branch.items]
        assert times[0] - sent["i"].accepted[0] == dut.latency
        assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}
