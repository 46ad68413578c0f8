"""The queue keeps tokens, their fields and their order."""

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

LAYOUT = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
TOKENS = [{"kind": k % 3, "address": k % 5, "payload": k % 7 - 3} for k in range(60)]


def read(payload):
    return {"kind": payload.kind, "address": payload.address, "payload": payload.payload}


def test_a_queue_of_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"^a queue must hold at least 2 tokens, found 1$"):
        SpikeQueue(layout=LAYOUT, depth=1)


@pytest.mark.parametrize("depth", [2, 3, 16])
@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("10", "1"), ("1", "001"), ("110", "01101")]
)
def test_all_tokens_pass_in_order(depth, valid, ready):
    queue = SpikeQueue(layout=LAYOUT, depth=depth)
    seen = run_stream(queue, TOKENS, count=len(TOKENS), read=read, valid=valid, ready=ready)
    assert seen.payloads == TOKENS


def test_latency_and_interval():
    queue = SpikeQueue(layout=LAYOUT, depth=8)
    seen = run_stream(queue, TOKENS, count=len(TOKENS), read=read)
    assert seen.items[0][0] - seen.accepted[0] == queue.latency
    steps = {b[0] - a[0] for a, b in zip(seen.items, seen.items[1:], strict=False)}
    assert steps == {queue.interval}
