"""Every membrane, tracer and option of a small neuron, against the contract's words."""

import itertools
import random

import pytest
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator

from spikewright.golden.spec import BiasWhen, Fire, Leak, LeakOrder, Phases, Reset, Soma
from spikewright.hdl.divide import DivideLane
from spikewright.hdl.soma import (
    BurstLane,
    SomaLane,
    SomaShapes,
    level_shape,
    needs_pending,
    phase_members,
)
from spikewright.hdl.state import StateLayout

BITS = 9
V = range(-40, 41)
THRESHOLD, AMOUNT, NEGATIVE, BIAS = 5, 3, 4, 3


def leaked(leak, value):
    return value if leak is None else (value * leak.multiplier) >> leak.shift


def compared(soma, state):
    """v as it is compared, in the words of the docstring of Soma."""
    v = state["total"] + state.get("v", 0)
    if soma.leak_order is LeakOrder.AFTER:
        v = leaked(soma.leak_v, v)
    v -= state.get("pending", 0) * (soma.reset_amount or [THRESHOLD])[0]
    v = v if soma.v_min is None else max(v, soma.v_min)
    v = v if soma.v_max is None else min(v, soma.v_max)
    return state["v"] if state.get("wait", 0) else v


def fired(soma, v, s, slot):
    """The level at v and S, one spike after the other in a burst; of a pattern, the slot's."""
    amount = int(soma.amount[0])
    if soma.fire is Fire.NONE:
        return 0
    if soma.fire is Fire.PATTERN:
        return slot if v // THRESHOLD >= slot else 0
    if soma.fire is Fire.ONEHOT:
        fits = [1 << k for k in range(9) if 1 << k <= soma.max_level and v >= THRESHOLD << k]
        return fits[-1] if fits else 0
    level = 0
    while abs(level) < soma.max_level:
        if v >= THRESHOLD and (soma.s_max is None or s < soma.s_max):
            one = 1
        elif soma.falls and v <= -soma.negative and (soma.s_min is None or s > soma.s_min):
            one = -1
        else:
            break
        v, s, level = v - one * amount, s + one, level + one
    return level


class Wanted(Soma):
    """A soma with short words for its numbers."""

    @property
    def falls(self):
        return self.threshold_negative is not None

    @property
    def negative(self):
        return int(self.threshold_negative[0])


def expected(soma, state, phase, *, replays):
    """(membrane, level, what is stored for the next step)."""
    v, wait = compared(soma, state), state.get("wait", 0)
    may_fire = phase.get("may_fire", 1) and not wait
    membrane, level = v, 0
    if may_fire:
        level = fired(soma, v, state.get("tracer", 0), phase.get("slot"))
    wait = soma.refractory if level else max(0, wait - 1)
    taken = level * int(soma.amount[0])
    bias = BIAS if soma.bias_when is BiasWhen.EVERY and not replays else 0
    if level and soma.reset is Reset.VALUE:
        v = soma.reset_value
    elif level and soma.reset is Reset.SUBTRACT and not soma.reset_delay:
        v -= taken
    # What the next step does before its input is done now.
    if soma.leak_order is LeakOrder.BEFORE and not wait:
        v = leaked(soma.leak_v, v)
    if soma.reset_delay and "pending" not in state:
        v -= taken
    total = v if "v" not in state else state["total"] if replays else 0
    if soma.current:
        total = leaked(soma.leak_i, state["total"])
        total = int(soma.phases.slope[0]) if phase.get("switches") else total
    after = {"total": total + bias, "v": v, "pending": level, "wait": wait}
    after["tracer"] = state.get("tracer", 0) + level
    return membrane, level, {name: after[name] for name in state}


FIRES = [
    {"fire": Fire.NONE},
    {"fire": Fire.BINARY},
    {"fire": Fire.BINARY, "s_min": 0, "s_max": 3},
    {"fire": Fire.TERNARY, "threshold_negative": 1, "s_min": 0, "s_max": 3},
    {"fire": Fire.TERNARY, "threshold_negative": 4, "s_min": -2, "s_max": 1},
    {"fire": Fire.TERNARY, "threshold_negative": 3},
    {"fire": Fire.TERNARY, "threshold_negative": -4, "s_min": 0, "s_max": 1},
    {"fire": Fire.TERNARY, "threshold_negative": 0, "s_min": -1, "s_max": 1},
    {"fire": Fire.PATTERN, "max_level": 4},
    {"fire": Fire.ONEHOT, "max_level": 4},
    {"fire": Fire.ONEHOT, "max_level": 1},
]
BURSTS = [
    {"fire": Fire.BURST, "max_level": 1},
    {"fire": Fire.BURST, "max_level": 3},
    {"fire": Fire.BURST, "max_level": 6, "s_max": 5},
    {"fire": Fire.BURST, "max_level": 5, "threshold_negative": 1, "s_min": -3, "s_max": 4},
    {"fire": Fire.BURST, "max_level": 4, "threshold_negative": 4},
    {"fire": Fire.BURST, "max_level": 2, "threshold_negative": 3, "s_min": 0},
]
RESETS = [
    {"reset": Reset.SUBTRACT},
    {"reset": Reset.SUBTRACT, "reset_amount": AMOUNT},
    {"reset": Reset.SUBTRACT, "reset_delay": True},
    {"reset": Reset.SUBTRACT, "reset_delay": True, "reset_amount": AMOUNT},
    {"reset": Reset.VALUE, "reset_value": -2},
    {"reset": Reset.NONE},
]
LEAKS = [
    {},
    {"leak_v": Leak(shift=1)},
    {"leak_v": Leak(shift=2), "leak_order": LeakOrder.AFTER},
    {"leak_v": Leak(multiplier=7, shift=3)},
]
CURRENTS = [
    {},
    {"current": True, "leak_i": Leak(multiplier=3, shift=2)},
    {"current": True, "v_min": -7, "v_max": 21},
    {"v_max": 13},
]
TIMES = [
    {},
    {"refractory": 1},
    {"refractory": 5},
    {"phases": Phases(receive=2, fire=2, slope=3)},
    {"phases": Phases(receive=1, slope=-2), "refractory": 2},
    {"phases": Phases(receive=1, fire=3)},
    {"phases": Phases(receive=1, fire=3, slope=3)},
    {"replays": True},
    {"replays": True, "refractory": 2},
]


def lane(soma, kind=SomaLane, *, replays=False):
    traced = soma.s_min is not None or soma.s_max is not None
    state = StateLayout(
        total=signed(BITS),
        v=signed(BITS) if soma.current or soma.refractory or replays else None,
        tracer=signed(4) if traced else None,
        pending=level_shape(soma) if needs_pending(soma) else None,
        wait=unsigned(soma.refractory.bit_length()) if soma.refractory else None,
    )
    shapes = SomaShapes(
        threshold=unsigned(4) if soma.fire is not Fire.NONE else None,
        negative=signed(4) if soma.falls else None,
        amount=unsigned(3) if soma.reset_amount is not None else None,
        bias=signed(3) if soma.bias_when is BiasWhen.EVERY and not replays else None,
        slope=signed(4) if soma.phases is not None and soma.current else None,
    )
    return kind(soma=soma, state=state, v_bits=BITS, shapes=shapes, replays=replays)


def states(soma, layout, rng):
    """All values of what is compared, with some of the rest."""
    low = 0 if soma.s_min is None else soma.s_min
    tracers = range(low, 4 if soma.s_max is None else soma.s_max + 1)
    levels = range(soma.levels[0], soma.levels[1] + 1)
    if soma.fire is Fire.ONEHOT:
        levels = [0, *(1 << k for k in range(soma.max_level.bit_length()))]
    for total in V:
        for tracer in rng.sample(tracers, min(2, len(tracers))) if layout.tracer else [0]:
            state = {"total": total, "v": rng.choice(V), "tracer": tracer}
            state["pending"] = rng.choice(list(levels))
            state["wait"] = rng.choice([0, rng.randint(0, soma.refractory)])
            yield {name: state[name] for name in layout.fields}


def parameters(soma):
    given = {"threshold": THRESHOLD, "bias": BIAS, "amount": AMOUNT}
    if soma.phases is not None and soma.current:
        given["slope"] = int(soma.phases.slope[0])
    return given | ({"negative": soma.negative} if soma.falls else {})


def packed(layout, state):
    word, at = 0, 0
    for name, shape in layout.fields.items():
        word |= (state[name] & (1 << shape.width) - 1) << at
        at += shape.width
    return word


def check(soma, dut, decide):
    """Every state against the definition; ``decide`` is a coroutine that lets the lane compute."""
    rng = random.Random(7)

    async def bench(ctx):
        for name, value in parameters(soma).items():
            if name in dut.shapes.members:
                ctx.set(getattr(dut, name), value)
        for state in states(soma, dut.state, rng):
            ctx.set(dut.word, packed(dut.state, state))
            phase = {name: rng.randint(0, 1) for name in phase_members(soma)}
            if "slot" in phase:
                phase["slot"] = 1 << rng.randrange(soma.max_level.bit_length())
            for name, value in phase.items():
                ctx.set(getattr(dut, name), value)
            await decide(ctx)
            membrane, level, following = expected(soma, state, phase, replays=dut.replays)
            found = (ctx.get(dut.membrane), ctx.get(dut.level), ctx.get(dut.following))
            assert found == (membrane, level, packed(dut.state, following)), (state, phase)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def combined(*axes, every):
    """Legal combinations in which any three entries of different axes meet; or every one."""
    everything = list(itertools.product(*(range(len(axis)) for axis in axes)))
    random.Random(1).shuffle(everything)
    met, kept = set(), []
    for each in everything:
        options = {}
        for axis, k in zip(axes, each, strict=True):
            options |= axis[k]
        if legal(options):
            triples = set(itertools.combinations(enumerate(each), 3))
            if every or triples - met:
                met |= triples
                kept.append(pytest.param(options, id="-".join(map(str, each))))
    return kept


def legal(options):
    """Whether the contract has them."""
    fires = options["fire"] is not Fire.NONE
    phases, pattern = options.get("phases"), options["fire"] is Fire.PATTERN
    if phases is not None and (phases.slope is None) == ("current" in options):
        return False
    if phases is not None and phases.slope is None and not fires:
        return False
    if options.get("threshold_negative", 1) < 1 and options["reset"] is not Reset.NONE:
        return False
    if pattern and (phases is None or phases.fire != 3 or options["reset"] is not Reset.SUBTRACT):
        return False
    if pattern and options.keys() & {"reset_delay", "reset_amount", "refractory"}:
        return False
    if options.get("replays") and "current" in options:
        return False
    if options.get("refractory") and (not fires or options.get("reset_delay")):
        return False
    if not fires and getattr(options.get("phases"), "fire", None) is not None:
        return False
    plain = options["reset"] is Reset.SUBTRACT and not options.keys() & {
        "reset_amount",
        "reset_delay",
    }
    return fires or plain


COMBINED = {
    "test_every_state": (FIRES, RESETS, LEAKS, CURRENTS, TIMES),
    "test_every_burst": (BURSTS, RESETS[:2], LEAKS, CURRENTS, TIMES),
}


def pytest_generate_tests(metafunc):
    """With ``--all-combinations`` every one."""
    if axes := COMBINED.get(metafunc.definition.name):
        every = metafunc.config.getoption("--all-combinations")
        metafunc.parametrize("options", combined(*axes, every=every))


def test_every_state(options):
    when = list(BiasWhen)[len(str(options)) % 2]
    again = options.get("replays", False)
    options = {name: value for name, value in options.items() if name != "replays"}
    soma = Wanted(threshold=THRESHOLD, bias=BIAS, bias_when=when, **options)

    async def decide(ctx):
        await ctx.delay(1e-9)

    check(soma, lane(soma, replays=again), decide)


def test_every_burst(options):
    again = options.get("replays", False)
    options = {name: value for name, value in options.items() if name != "replays"}
    soma = Wanted(threshold=THRESHOLD, bias=BIAS, **options)
    dut = lane(soma, BurstLane, replays=again)

    async def decide(ctx):
        await ctx.delay(1e-9)
        rest, count, tight = ctx.get(dut.rest_start), ctx.get(dut.count_start), 1
        for _ in range(dut.steps):
            for name, value in (("rest", rest), ("count", count), ("tight", tight)):
                ctx.set(getattr(dut, name), value)
            await ctx.delay(1e-9)
            rest, count = ctx.get(dut.rest_next), ctx.get(dut.count_next)
            tight = ctx.get(dut.tight_next)
        for name, value in (("rest", rest), ("count", count), ("tight", tight)):
            ctx.set(getattr(dut, name), value)
        await ctx.delay(1e-9)

    check(soma, dut, decide)


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
@pytest.mark.parametrize("fire", [Fire.BINARY, Fire.TERNARY, Fire.ONEHOT])
def test_a_threshold_out_of_reach_is_never_reached(threshold, fire):
    """The threshold is wider than the membrane: its difference must not be cut to the membrane."""
    named = {"threshold_negative": threshold} if fire is Fire.TERNARY else {}
    wide = unsigned(threshold.bit_length())
    dut = SomaLane(
        soma=Soma(fire=fire, threshold=threshold, **named),
        state=StateLayout(total=signed(4)),
        v_bits=4,
        shapes=SomaShapes(threshold=wide, negative=wide if named else None),
    )

    async def bench(ctx):
        for name in dut.shapes.members:
            ctx.set(getattr(dut, name), threshold)
        for v in range(-8, 8):
            ctx.set(dut.word, v & 15)
            await ctx.delay(1e-9)
            assert (ctx.get(dut.level), ctx.get(dut.following)) == (0, v & 15)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
