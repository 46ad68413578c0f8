"""What runs on a board: its pins, its constraint, and the accelerator inside it."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.boards import BOARDS, BoardTop, SelfTest, get_board
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import stored_sample
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from support.chains import bounded_chain, inputs_for
from support.streams import simulate


def parts(mode=Mode.COLLAPSED, seed=3):
    network = bounded_chain((8, 5, 3), seed=seed)
    plan = default_plan(network, mode, lanes=2)
    return network, plan, Accelerator(network=network, plan=plan)


@pytest.mark.parametrize("name", BOARDS)
def test_files_for_place_and_route(name):
    board = get_board(name)
    network, plan, accelerator = parts()
    sample = stored_sample(network, plan, inputs_for(network, 1))
    top = BoardTop(
        board=board,
        pll=board.pll_below(board.default_mhz),
        constraint_mhz=77.0,
        accelerator=accelerator,
        tokens=sample.tokens,
        expected=sample.label,
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
    network, plan, accelerator = parts()
    sample = stored_sample(network, plan, inputs_for(network, 1))
    top = BoardTop(
        board=board,
        pll=board.plls[0],
        constraint_mhz=48.0,
        accelerator=accelerator,
        tokens=sample.tokens,
        expected=sample.label,
    )
    files = board.platform().prepare(top, "top", debug_verilog=False).files
    assert "SB_PLL40" not in str(files["top.il"])


@pytest.mark.parametrize("mode", Mode)
def test_the_accelerator_gives_the_golden_label(mode):
    """The whole self-test, in the simulator: every stored sample gets its label on the LEDs."""
    network, plan, _ = parts(mode)
    rng = np.random.default_rng(5)
    for values in inputs_for(network, 3, seed=int(rng.integers(100))):
        accelerator = Accelerator(network=network, plan=plan)
        sample = stored_sample(network, plan, values[None])
        test = SelfTest(
            input_layout=accelerator.input_layout,
            output_layout=accelerator.output_layout,
            tokens=sample.tokens,
            expected=sample.label,
            pause=3,
        )
        m = Module()
        m.submodules.test = test
        m.submodules.accelerator = accelerator
        wiring.connect(m, test.o, accelerator.i)
        wiring.connect(m, accelerator.o, test.i)
        beats = []

        async def bench(ctx, test=test, sample=sample, beats=beats):
            last = 0
            for _ in range(5000):
                await ctx.tick()
                beat = ctx.get(test.beat)
                if beat != last:
                    assert ctx.get(test.label) == sample.label
                    assert ctx.get(test.match) and not ctx.get(test.mismatch)
                    beats.append(beat)
                    last = beat
                if len(beats) == 3:
                    return

        simulate(m, bench)
        assert beats == [1, 0, 1]
