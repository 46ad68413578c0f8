"""The order of passes and markers, host by host, with a sweep and a serialiser made of paper."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.golden.spec import Encoding, EndFlag, Mode, TokenKind
from spikewright.hdl import core_configs
from spikewright.hdl.control import Control
from support.branching import branching, dense
from support.graphs import plan_for
from support.streams import simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
KEEP, RESET = EndFlag.KEEP.value, EndFlag.RESET.value


def control(mode, *, shared=True, core=0):
    rng = np.random.default_rng(0)
    wires = [
        ("x", "a", dense(rng, 3, 4)),
        ("a", "b", dense(rng, 4, 5)),
        ("b", "out", dense(rng, 5, 2)),
    ]
    network = branching({"x": (3,)}, {"a": (4,), "b": (5,), "out": (2,)}, wires, seed=0)
    plan = plan_for(network, mode, shared=[("a", "b")] if shared else [])
    return Control(config=core_configs(network, plan)[core])


def events(dut, tokens, *, fired=(), pass_cycles=3, mark_cycles=2):
    """What the control does with ``tokens`` (kind, host, keep); an END comes again where asked.

    ``fired`` says of the passes after the clearing ones, in order, whether something fires.
    """
    log = []
    hosts = len(dut.config.hosts)

    async def bench(ctx):
        queue, passes, left, mark_left = list(tokens), list(fired), 0, mark_cycles
        for _ in range(400):
            ctx.set(dut.valid, bool(queue))
            if queue:
                kind, host, keep = queue[0]
                ctx.set(dut.kind, kind)
                ctx.set(dut.host, host)
                ctx.set(dut.keep, keep)
            ctx.set(dut.drained, 1)
            ctx.set(dut.sweeping, left > 0)
            marked = bool(ctx.get(dut.marks)) and mark_left == 0
            ctx.set(dut.marked, marked)
            if ctx.get(dut.marks):
                mark_left = mark_cycles if marked else mark_left - 1
            if marked:
                flag = ctx.get(dut.mark_keep)
                log.append(("mark", ctx.get(dut.mark_kind), ctx.get(dut.mark_host), flag))
            left = max(0, left - 1)
            if ctx.get(dut.start):
                flags = ("show", "initialise", "hold", "renew")
                names = [n for n in flags if ctx.get(getattr(dut, n))]
                log.append(("pass", ctx.get(dut.pass_host), *names))
                left = pass_cycles
                if len(log) > hosts:
                    ctx.set(dut.fired, passes.pop(0) if passes else 0)
            if ctx.get(dut.adds):
                log.append(("adds", ctx.get(dut.host)))
                queue.pop(0)
            elif ctx.get(dut.take) and not ctx.get(dut.again):
                queue.pop(0)
            await ctx.tick()

    simulate(dut, bench)
    assert log[:hosts] == [("pass", host, "initialise") for host in range(hosts)]
    return log[hosts:]


def test_stepwise():
    found = events(
        control(Mode.STEPWISE), [(SPIKE, 1, 0), (STEP, 0, 0), (END, 0, KEEP), (END, 1, RESET)]
    )
    assert found == [
        ("adds", 1),
        ("pass", 0, "show"),
        ("mark", STEP, 0, 0),
        ("mark", END, 0, 1),
        ("pass", 1, "initialise"),
        ("mark", END, 1, 0),
    ]


def test_collapsed():
    found = events(control(Mode.COLLAPSED), [(END, 1, KEEP), (SPIKE, 0, 0), (END, 0, RESET)])
    assert found == [
        ("pass", 1, "show", "initialise"),
        ("adds", 0),
        ("mark", END, 1, 1),
        ("pass", 0, "show", "initialise"),
        ("mark", END, 0, 0),
    ]


def test_one_host_settles_at_once():
    dut = control(Mode.SETTLE, shared=False)
    found = events(dut, [(STEP, 0, 0), (END, 0, RESET)], fired=[1, 1, 1, 0])
    assert found == [
        ("pass", 0, "show"),
        ("mark", STEP, 0, 0),
        *[("pass", 0, "show"), ("mark", STEP, 0, 0)] * 2,
        ("pass", 0, "show"),
        ("pass", 0, "initialise"),
        ("mark", END, 0, 0),
    ]


@pytest.mark.parametrize("keep", [KEEP, RESET])
def test_several_hosts_settle_in_turn(keep):
    """Between two steps of one host's settling the others may have their turn."""
    dut = control(Mode.SETTLE)
    taken = []

    async def bench(ctx):
        fired, left = [1, 1, 0], 0
        ctx.set(dut.marked, 1)
        ctx.set(dut.drained, 1)
        for _ in range(60):
            # The END comes again and again, with a spike of the other host in between.
            turn = len(taken) % 2
            ctx.set(dut.valid, 1)
            ctx.set(dut.kind, SPIKE if turn else END)
            ctx.set(dut.host, 1 if turn else 0)
            ctx.set(dut.keep, keep)
            ctx.set(dut.sweeping, left > 0)
            left = max(0, left - 1)
            if ctx.get(dut.start):
                left = 2
                if ctx.get(dut.show):
                    ctx.set(dut.fired, fired.pop(0) if fired else 0)
            if ctx.get(dut.adds):
                taken.append("spike")
            elif ctx.get(dut.take):
                taken.append("again" if ctx.get(dut.again) else "end")
            await ctx.tick()
            if "end" in taken:
                return

    simulate(dut, bench)
    assert taken == ["again", "spike", "again", "spike", "end"]


def test_a_host_that_never_fires_sends_its_membranes():
    dut = control(Mode.STEPWISE, shared=False, core=2)
    assert not dut.defers  # its bias comes once
    found = events(dut, [(STEP, 0, 0), (END, 0, KEEP)])
    assert found == [
        ("mark", STEP, 0, 0),
        ("pass", 0, "show", "initialise", "hold"),
        ("mark", END, 0, 1),
    ]


def replaying():
    """An input that is the same in every step, in front of two hosts."""
    rng = np.random.default_rng(0)
    wires = [
        ("x", "a", dense(rng, 3, 4)),
        ("x", "b", dense(rng, 3, 5)),
        ("a", "out", dense(rng, 4, 2)),
    ]
    wires.append(("b", "out", dense(rng, 5, 2)))
    network = branching(
        {"x": (3,)}, {"a": (4,), "b": (5,), "out": (2,)}, wires, seed=0, modes=(Mode.STEPWISE,)
    )
    (x,) = network.inputs
    network = replace(network, inputs=(replace(x, encoding=Encoding.CONSTANT),))
    plan = plan_for(network, Mode.STEPWISE, shared=[("a", "b")])
    return Control(config=core_configs(network, plan)[0])


def test_what_is_replayed_is_renewed_where_the_state_is_kept():
    """A silent pass at every END: it begins the sum anew, or the whole state."""
    found = events(replaying(), [(STEP, 0, 0), (END, 0, KEEP), (STEP, 1, 0), (END, 1, RESET)])
    assert found == [
        ("pass", 0, "show"),
        ("mark", STEP, 0, 0),
        ("pass", 0, "renew"),
        ("mark", END, 0, 1),
        ("pass", 1, "show"),
        ("mark", STEP, 1, 0),
        ("pass", 1, "initialise"),
        ("mark", END, 1, 0),
    ]
