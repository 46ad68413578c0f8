"""What runs on a board: its pins, its constraint, and the accelerator inside it."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.boards import (
    BOARDS,
    FlashLoader,
    LinkTop,
    SelfTest,
    SelfTestTop,
    choose_wire,
    get_board,
)
from spikewright.flow.generate import image_bytes
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize import stored_sample
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.crc import SerialCrc
from spikewright.hdl.link import LinkPlan
from spikewright.hdl.loader import Loader
from spikewright.hdl.plan import WeightStore
from support.branching import branching, convolution, dense, inputs_of
from support.chains import bounded_chain, inputs_for
from support.flash import FlashModel
from support.streams import simulate


def parts(mode=Mode.COLLAPSED, seed=3):
    network = bounded_chain((8, 5, 3), seed=seed)
    plan = default_plan(network, mode, lanes=2)
    return network, plan, Accelerator(network=network, plan=plan)


# Where pins stand, and the clock; nextpnr takes Gowin's on its command line.
CONSTRAINTS = {
    "ecp5": ("lpf", 'FREQUENCY NET "clock" 77000000.0 HZ;'),
    "ice40": ("pcf", "set_frequency clock 77.0"),
    "gowin": ("cst", ""),
}
PINS = {
    "icebreaker": ("set_io clk12_0__io 35", "cell \\SB_PLL40_PAD \\pll"),
    "ulx3s-85f": ('LOCATE COMP "led_7__io" SITE "H3";', "cell \\EHXPLLL \\pll"),
    # no button, and an LED of parts
    "icesugar-pro": ('LOCATE COMP "rgb_led_0__g__io" SITE "A12";', "cell \\EHXPLLL \\pll"),
    # its oscillator is on no pad of the PLL
    "hx8k-b-evn": ("set_io clk12_0__io J3", "cell \\SB_PLL40_CORE \\pll"),
    "tang-nano-9k": ('IO_LOC "clk27_0__io" 52;', "cell \\rPLL \\pll"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in PINS else pytest.mark.rest) for n in BOARDS]
)
def test_files_for_place_and_route(name):
    board = get_board(name)
    network, _, accelerator = parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    top = SelfTestTop(
        board=board,
        pll=board.default_pll,
        constraint_mhz=77.0,
        accelerator=accelerator,
        tokens=sample.inputs,
        expected=sample.output,
    )
    files = board.platform().prepare(top, "top", debug_verilog=False).files
    rtlil = files["top.il"]
    rtlil = rtlil.decode() if isinstance(rtlil, bytes) else rtlil
    constraints = files[f"top.{CONSTRAINTS[board.family][0]}"]
    assert CONSTRAINTS[board.family][1] in constraints
    pin, cell = PINS.get(name, ("", ""))
    assert pin in constraints and cell in rtlil
    lights = [board.match, *board.label, board.mismatch, board.beat]
    for light in [light for light in lights if light is not None]:
        part = "" if light.part is None else f"__{light.part}"
        assert f"{light.name}_{light.number}{part}__io" in constraints


def test_an_oscillator_can_be_the_clock():
    board = get_board("icebreaker")
    network, _, accelerator = parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    top = SelfTestTop(
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


def loaded_parts():
    """Both cores' weights in large RAMs."""
    network, plan, _ = parts()
    cores = tuple(replace(core, weights=WeightStore.SPRAM) for core in plan.cores)
    return network, replace(plan, cores=cores)


def test_the_sample_waits_for_weights_from_the_flash():
    """Flash, loader, accelerator and self-test, all in the simulator."""
    network, plan = loaded_parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 3)[2:])
    accelerator = Accelerator(network=network, plan=plan)
    test = SelfTest(
        input_layouts=[each.layout for each in accelerator.inputs],
        output_layout=accelerator.output_layout,
        tokens=sample.inputs,
        expected=sample.output,
        pause=3,
    )
    loader = FlashLoader(offset=32, wake_cycles=4, half=2)
    m = Module()
    m.submodules += [test, accelerator, loader]
    wiring.connect(m, test.outputs[0], accelerator.i)
    wiring.connect(m, accelerator.o, test.i)
    wiring.connect(m, loader.o, accelerator.load)
    m.d.comb += loader.stop.eq(accelerator.load_done)
    flash = FlashModel(b"\xff" * 32 + image_bytes(accelerator.image) + b"more")
    each = loader.interval + SerialCrc.interval  # a word waits until its first byte is done
    cycles = loader.latency + len(accelerator.image) * each - loader.interval + Loader.latency - 1

    async def bench(ctx):
        for now in range(cycles + 300):
            ctx.set(loader.cipo, flash.cipo)
            await ctx.tick()
            flash.see(ctx.get(loader.cs), ctx.get(loader.clk), ctx.get(loader.copi))
            if not ctx.get(accelerator.loaded):
                assert not ctx.get(accelerator.i.ready) and not ctx.get(test.done)
            assert ctx.get(accelerator.loaded) == (now >= cycles)
        assert ctx.get(test.match) and ctx.get(test.label) == sample.label
        assert not ctx.get(loader.cs)

    simulate(m, bench)


def test_weights_that_are_loaded_need_a_flash():
    network, plan = loaded_parts()
    sample = stored_sample(network, Mode.COLLAPSED, inputs_for(network, 1))
    board = get_board("icebreaker")

    def top(board):
        return SelfTestTop(
            board=board,
            pll=board.plls[0],
            constraint_mhz=48.0,
            accelerator=Accelerator(network=network, plan=plan),
            tokens=sample.inputs,
            expected=sample.output,
        )

    files = board.platform().prepare(top(board), "top", debug_verilog=False).files
    assert "set_io spi_flash_1x_0__cipo__io 17" in files["top.pcf"]
    ecp5 = get_board("ulx3s-12f")
    files = ecp5.platform().prepare(top(ecp5), "top", debug_verilog=True).files
    assert 'LOCATE COMP "boot_flash_0__cipo__io" SITE "V2"' in files["top.lpf"]
    assert "USRMCLK flash_clock" in str(files["top.debug.v"])
    with pytest.raises(
        ConfigurationError,
        match=r"^a network that is loaded must have a flash to come from, or a host, found neither "
        r"on icebreaker; build with --link, or generate with --weights block$",
    ):
        top(replace(board, flash=None))


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


def link_top(board, kind, accelerator):
    return LinkTop(
        board=board,
        pll=board.plls[0],
        constraint_mhz=48.0,
        accelerator=accelerator,
        design=bytes(32),
        sizes=LinkPlan(inbox=256, outbox=256),
        wire=choose_wire(board, kind),
    )


def test_a_link_on_the_lines_of_the_flash_leaves_all_to_the_host():
    network, plan = loaded_parts()
    board, accelerator = get_board("icebreaker"), Accelerator(network=network, plan=plan)
    uart, spi = (link_top(board, kind, accelerator) for kind in ("uart", "spi"))
    assert uart.baud == 3_000_000 and uart.loader.offset == board.flash.offset
    assert spi.loader is None and spi.link.loads
