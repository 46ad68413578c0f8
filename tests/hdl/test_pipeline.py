"""Values arrive together, as late as asked."""

from amaranth.hdl import Const, Module, Signal

from spikewright.hdl.pipeline import Flow, delayed
from support.streams import simulate


def test_a_delay_and_a_constant():
    m = Module()
    value = Signal(8)
    late, now = Signal(8), Signal(8)
    m.d.comb += [late.eq(delayed(m, value, 3, "late")), now.eq(delayed(m, value, 0, "now"))]
    constant = Const(5, 3)
    assert delayed(m, constant, 3, "constant") is constant

    async def bench(ctx):
        for k in range(20):
            ctx.set(value, k + 1)
            assert ctx.get(now) == k + 1
            assert ctx.get(late) == max(0, k - 2)
            await ctx.tick()

    simulate(m, bench)


def test_a_flow():
    m = Module()
    valid, value = Signal(), Signal(4)
    flow = Flow(m, valid, {"value": value, "early": value}, name="flow")
    flow.wait(1)
    early = Signal(4)
    m.d.comb += early.eq(flow.take("early"))
    flow.wait(1)
    out, busy, out_valid = Signal(4), Signal(), Signal()
    m.d.comb += [out.eq(flow.values["value"]), busy.eq(flow.busy), out_valid.eq(flow.valid)]
    assert list(flow.values) == ["value"]
    valids = "1101000110"

    async def bench(ctx):
        for k, bit in enumerate(valids):
            ctx.set(valid, int(bit))
            ctx.set(value, k)
            before = valids[max(0, k - 2) : k]
            assert ctx.get(busy) == ("1" in before)
            if k >= 2:
                assert ctx.get(out_valid) == int(valids[k - 2])
                assert ctx.get(out) == k - 2
                assert ctx.get(early) == k - 1
            await ctx.tick()

    simulate(m, bench)
