"""What runs on a board: its pins, its constraint, and the accelerator inside it."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.boards import BOARDS, BoardTop, SelfTest, get_board
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import stored_sample
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from support.branching import branching, convolution, dense, inputs_of
from support.chains import bounded_chain, inputs_for
from support.streams import simulate


def parts(mode=Mode.COLLAPSED, seed=3):
    network = bounded_chain((8, 5, 3), seed=seed)
    plan = default_plan(network, mode, lanes=2)
    return network, plan, Accelerator(network=network, plan=plan)


@pytest.mark.parametrize("name", BOARDS)
def test_files_for_place_and_route(name):
    board = get_board(name)
    network, _, accelerator = parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    top = BoardTop(
        board=board,
        pll=board.pll_below(board.default_mhz),
        constraint_mhz=77.0,
        accelerator=accelerator,
        tokens=sample.inputs,
        expected=sample.output,
    )
    files = board.platform().prepare(top, "top", debug_verilog=False).files
    rtlil = files["top.il"]
    rtlil = rtlil.decode() if isinstance(rtlil, bytes) else rtlil
    if board.family == "ecp5":
        constraints = files["top.lpf"]
        assert 'FREQUENCY NET "clock" 77000000.0 HZ;' in constraints
        assert 'LOCATE COMP "led_7__io" SITE "H3";' in constraints
        assert "cell \\EHXPLLL \\pll" in rtlil
    else:
        constraints = files["top.pcf"]
        assert "set_frequency clock 77.0" in constraints
        assert "set_io clk12_0__io 35" in constraints
        assert "cell \\SB_PLL40_PAD \\pll" in rtlil


def test_an_oscillator_can_be_the_clock():
    board = get_board("icebreaker")
    network, _, accelerator = parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    top = BoardTop(
        board=board,
        pll=board.plls[0],
        constraint_mhz=48.0,
        accelerator=accelerator,
        tokens=sample.inputs,
        expected=sample.output,
    )
    files = board.platform().prepare(top, "top", debug_verilog=False).files
    assert "SB_PLL40" not in str(files["top.il"])


def beats(network, plan, sample, *, runs=3):
    """Run the self-test on an accelerator: (label, match, mismatch) of each result."""
    accelerator = Accelerator(network=network, plan=plan)
    test = SelfTest(
        input_layouts=[each.layout for each in accelerator.inputs],
        output_layout=accelerator.output_layout,
        tokens=sample.inputs,
        expected=sample.output,
        pause=3,
    )
    m = Module()
    m.submodules.test = test
    m.submodules.accelerator = accelerator
    for sender, port in zip(test.outputs, accelerator.inputs, strict=True):
        wiring.connect(m, sender, getattr(accelerator, port.member))
    wiring.connect(m, accelerator.o, test.i)
    seen = []

    async def bench(ctx):
        last = 0
        for _ in range(5000):
            await ctx.tick()
            beat = ctx.get(test.beat)
            if beat != last:
                seen.append((ctx.get(test.label), ctx.get(test.match), ctx.get(test.mismatch)))
                last = beat
            if len(seen) == runs:
                return

    simulate(m, bench)
    return seen


@pytest.mark.parametrize("mode", Mode)
def test_the_accelerator_gives_the_golden_answer(mode):
    """The whole self-test, in the simulator: every stored sample gets its label on the LEDs."""
    network, plan, _ = parts(mode)
    rng = np.random.default_rng(5)
    for values in inputs_for(network, 3, seed=int(rng.integers(100))):
        sample = stored_sample(network, mode, values[None])
        assert beats(network, plan, sample) == [(sample.label, 1, 0)] * 3


def test_one_wrong_value_is_seen():
    network, plan, _ = parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 3)[2:])
    kind, neuron, payload = sample.output
    for at in range(3):
        wrong = payload.copy()
        wrong[at] += 1
        changed = replace(sample, output=(kind, neuron, wrong))
        assert beats(network, plan, changed, runs=2) == [(sample.label, 0, 1)] * 2


def test_a_map_from_two_inputs():
    rng = np.random.default_rng(1)
    wires = [
        ("x", "out", convolution(rng, 3, 1, (3, 3), padding=1)),
        ("z", "out", dense(rng, 2, 27)),
    ]
    network = branching({"x": (1, 3, 3), "z": (2,)}, {"out": (3, 3, 3)}, wires, seed=1)
    values = {name: array[2:] for name, array in inputs_of(network, 3, seed=2).items()}
    plan = default_plan(network, Mode.SETTLE, lanes=9, banks=(1, 3))
    sample = stored_sample(network, Mode.SETTLE, values)
    assert beats(network, plan, sample) == [(0, 1, 0)] * 3
