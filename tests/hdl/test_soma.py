"""Every membrane, tracer and option of a small neuron, against the contract's words."""

from itertools import product

import pytest
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator

from spikewright.golden.spec import BiasWhen, Fire, Leak, LeakOrder, Reset, Soma
from spikewright.hdl.divide import DivideLane
from spikewright.hdl.soma import SomaLane

BITS = 8


def expected(soma, v, s, threshold, negative, bias):
    """(membrane, level, stored v, tracer) as the docstring of Soma words it."""
    after = soma.leak_v is not None and soma.leak_order is LeakOrder.AFTER
    if after:
        v = (v * soma.leak_v.multiplier) >> soma.leak_v.shift
    membrane, level = v, 0
    if soma.fire is not Fire.NONE and v >= threshold and (soma.s_max is None or s < soma.s_max):
        level = 1
    elif soma.fire is Fire.TERNARY and v <= -negative and (soma.s_min is None or s > soma.s_min):
        level = -1
    if level and soma.reset is Reset.SUBTRACT:
        v -= level * threshold
    elif level and soma.reset is Reset.VALUE:
        v = soma.reset_value
    if soma.leak_v is not None and not after:
        v = (v * soma.leak_v.multiplier) >> soma.leak_v.shift
    return membrane, level, v + (bias if soma.bias_when is BiasWhen.EVERY else 0), s + level


FIRES = [
    {"fire": Fire.NONE},
    {"fire": Fire.BINARY},
    {"fire": Fire.BINARY, "s_min": 0, "s_max": 3},
    {"fire": Fire.TERNARY, "threshold_negative": 1, "s_min": 0, "s_max": 3},
    {"fire": Fire.TERNARY, "threshold_negative": 4, "s_min": -2, "s_max": 1},
    {"fire": Fire.TERNARY, "threshold_negative": 3},
]
RESETS = [
    {"reset": Reset.SUBTRACT},
    {"reset": Reset.VALUE, "reset_value": -2},
    {"reset": Reset.NONE},
]
LEAKS = [
    {},
    {"leak_v": Leak(shift=1)},
    {"leak_v": Leak(shift=2), "leak_order": LeakOrder.AFTER},
    {"leak_v": Leak(multiplier=7, shift=3)},
]


@pytest.mark.parametrize("fire", FIRES, ids=str)
@pytest.mark.parametrize("reset", RESETS, ids=str)
@pytest.mark.parametrize("leak", LEAKS, ids=str)
@pytest.mark.parametrize("bias_when", list(BiasWhen))
def test_every_membrane_and_tracer(fire, reset, leak, bias_when):
    fire = dict(fire)
    negative = fire.get("threshold_negative", 1)
    soma = Soma(threshold=5, bias=3, bias_when=bias_when, **fire, **reset, **leak)
    bounded = soma.s_max is not None
    dut = SomaLane(
        soma=soma,
        v_bits=BITS,
        tracer=signed(3) if bounded else None,
        threshold_shape=unsigned(4),
        threshold_negative_shape=unsigned(3),
        bias_shape=signed(3),
    )
    tracers = range(soma.s_min, soma.s_max + 1) if bounded else [0]

    async def bench(ctx):
        ctx.set(dut.threshold, 5)
        ctx.set(dut.threshold_negative, negative)
        ctx.set(dut.bias, 3)
        for v, s in product(range(-40, 41), tracers):
            ctx.set(dut.v, v)
            ctx.set(dut.tracer, s)
            await ctx.delay(1e-9)
            membrane, level, stored, tracer = expected(soma, v, s, 5, negative, 3)
            found = tuple(ctx.get(x) for x in (dut.membrane, dut.level, dut.v_next))
            assert found == (membrane, level, stored), (v, s)
            if bounded:
                assert ctx.get(dut.tracer_next) == tracer, (v, s)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("s_min", "s_max"), [(0, 1), (0, 3), (0, 5), (-2, 3), (-1, 0)])
@pytest.mark.parametrize("threshold", [1, 3, 7])
def test_division_is_the_closed_form_for_every_charge(s_min, s_max, threshold):
    steps = (s_max - s_min).bit_length()
    dut = DivideLane(
        v_bits=10, threshold_shape=unsigned(3), s_min=s_min, s_max=s_max, level_shape=signed(5)
    )
    assert dut.steps == steps

    async def bench(ctx):
        for charge in range(-400, 401):
            rest, quotient = charge - s_min * threshold, 0
            ctx.set(dut.threshold, threshold)
            for _ in range(steps):
                ctx.set(dut.rest, rest)
                ctx.set(dut.quotient, quotient)
                await ctx.delay(1e-9)
                rest, quotient = ctx.get(dut.rest_next), ctx.get(dut.quotient_next)
            assert ctx.get(dut.level) == min(max(charge // threshold, s_min), s_max), charge

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("threshold", [9, 16, 31, 32, 64, 1024])
@pytest.mark.parametrize("fire", [Fire.BINARY, Fire.TERNARY])
def test_a_threshold_out_of_reach_is_never_reached(threshold, fire):
    """The threshold is wider than the membrane: its difference must not be cut to the membrane."""
    named = {"threshold_negative": threshold} if fire is Fire.TERNARY else {}
    dut = SomaLane(
        soma=Soma(fire=fire, threshold=threshold, **named),
        v_bits=4,
        tracer=None,
        threshold_shape=unsigned(threshold.bit_length()),
        threshold_negative_shape=unsigned(threshold.bit_length()),
        bias_shape=unsigned(1),
    )

    async def bench(ctx):
        ctx.set(dut.threshold, threshold)
        ctx.set(dut.threshold_negative, threshold)
        for v in range(-8, 8):
            ctx.set(dut.v, v)
            await ctx.delay(1e-9)
            assert (ctx.get(dut.level), ctx.get(dut.v_next)) == (0, v)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
