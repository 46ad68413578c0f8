"""The queue keeps tokens, their fields and their order."""

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
DEPTHS = [2, 3, 4, 5, 6, 16]
TOKENS = [{"kind": k % 3, "address": k % 5, "payload": k % 7 - 3} for k in range(60)]


def read(payload):
    return {"kind": payload.kind, "address": payload.address, "payload": payload.payload}


def test_a_queue_of_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"^a queue must hold at least 2 tokens, found 1$"):
        SpikeQueue(layout=LAYOUT, depth=1)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("10", "1"), ("1", "001"), ("110", "01101")]
)
def test_all_tokens_pass_in_order(depth, valid, ready):
    queue = SpikeQueue(layout=LAYOUT, depth=depth)
    seen = run_stream(queue, TOKENS, count=len(TOKENS), read=read, valid=valid, ready=ready)
    assert seen.payloads == TOKENS


@pytest.mark.parametrize("depth", DEPTHS)
def test_latency_and_interval(depth):
    queue = SpikeQueue(layout=LAYOUT, depth=depth)
    seen = run_stream(queue, TOKENS, count=len(TOKENS), read=read)
    assert seen.items[0][0] - seen.accepted[0] == queue.latency
    steps = {b[0] - a[0] for a, b in zip(seen.items, seen.items[1:], strict=False)}
    assert steps == {queue.interval}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("stall", [1, 2, 3, 40])
def test_it_holds_its_depth_and_is_fast_again_after_a_stall(depth, stall):
    queue = SpikeQueue(layout=LAYOUT, depth=depth)
    ready = "0" * stall + "1" * 400
    seen = run_stream(queue, TOKENS, count=len(TOKENS), read=read, ready=ready)
    taken = [now for now, _ in seen.items]
    waiting = sum(now < taken[0] for now in seen.accepted)
    assert waiting == min(depth, taken[0])
    lost = taken[-1] - taken[0] - (len(TOKENS) - 1) * queue.interval
    assert lost <= 3
