"""Windows over an axis: all positions of one lie in different banks, and none is missing."""

import itertools

import pytest
from amaranth.hdl import Const, Elaboratable, Module, Signal

from spikewright.golden.spec import Window
from spikewright.hdl.token import Axis
from spikewright.hdl.windows import WindowWalk, by_code, window_axis
from support.streams import simulate

GEOMETRIES = [
    (size, kernel, stride, padding, dilation)
    for size, kernel, stride, padding, dilation in itertools.product(
        (1, 4, 7), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)
    )
    if size + 2 * padding > dilation * (kernel - 1) and padding <= kernel // 2
]


def positions(place, size, kernel, stride, padding, dilation):
    """Coordinates under a window, by the definition."""
    taps = (place * stride - padding + tap * dilation for tap in range(kernel))
    return [i for i in taps if 0 <= i < size]


def make(size, kernel, stride, padding, dilation, banks=(1, 1)):
    window = Window(
        kind="sum_pool",
        kernel=(kernel,),
        stride=(stride,),
        padding=(padding,),
        dilation=(dilation,),
        output_padding=(0,),
    )
    _, n_target = window.output_shape((1, size))
    axes = Axis(size=size, banks=banks[0]), Axis(size=n_target, banks=banks[1])
    return window_axis(window, *axes, 1), *axes


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_every_position_of_every_window(geometry):
    side, source, target = make(*geometry, banks=(3, 2))
    for i in range(source.size):
        code = int(source.encode(i))
        assert side.own[code] == i % side.banks
        seen = []
        for place, blocks in side.windows[code]:
            here = [n * side.banks + b for b, n in enumerate(blocks) if n is not None]
            o = int(target.decode(place))
            assert sorted(here) == positions(o, *geometry)
            seen.append(o)
        assert seen == [o for o in range(target.size) if i in positions(o, *geometry)]
    # One bank less would have two positions of a window at once.
    fewer = side.banks - 1
    windows = [positions(o, *geometry) for o in range(target.size)]
    assert fewer == 0 or any(len({i % fewer for i in w}) < len(w) for w in windows)


def test_windows_apart_have_as_many_banks_as_positions():
    side, _, _ = make(12, 3, 3, 0, 1)
    assert (side.banks, side.blocks, side.most) == (3, 4, 1)


def test_without_a_window_every_coordinate_is_its_own():
    side = window_axis(None, Axis(size=5), Axis(size=5, banks=3), 0)
    assert side.windows == {i: [(c, [i])] for i, c in enumerate((0, 1, 2, 4, 5))}
    assert (side.banks, side.most) == (1, 1)


def test_rows_of_one_dimension_are_not_walked():
    window = Window(
        kind="sum_pool", kernel=(2,), stride=(2,), padding=(0,), dilation=(1,), output_padding=(0,)
    )
    assert window_axis(window, Axis(size=1), Axis(size=1), 0).windows == {0: [(0, [0])]}


@pytest.mark.parametrize("geometry", [(7, 3, 2, 1, 1), (7, 2, 3, 0, 1), (7, 3, 1, 1, 2)])
def test_the_walk_shows_every_window(geometry):
    side, source, _ = make(*geometry, banks=(3, 2))

    class Walk(Elaboratable):
        """The walk behind a register for the code."""

        def __init__(self):
            self.code = Signal(source.bits)
            self.restart = Signal()

        def elaborate(self, platform):
            m = Module()
            self.walk = WindowWalk(m, side, self.code, "axis", scale=5)
            self.walk.step(m, restart=self.restart)
            return m

    dut = Walk()

    async def bench(ctx):
        for code, windows in side.windows.items():
            ctx.set(dut.code, code)
            ctx.set(dut.restart, 1)
            await ctx.tick()
            assert ctx.get(dut.walk.some) == bool(windows)
            ctx.set(dut.restart, 0)
            for number, (place, blocks) in enumerate(windows):
                assert ctx.get(dut.walk.target) == place
                assert ctx.get(dut.walk.last) == (number == len(windows) - 1)
                for b, (bank, block) in enumerate(zip(dut.walk.banks, blocks, strict=True)):
                    assert ctx.get(bank.enable) == (block is not None)
                    assert ctx.get(bank.own) == (b == side.own[code])
                    assert block is None or ctx.get(bank.word) == 5 * block
                await ctx.tick()

    simulate(dut, bench)


def test_an_entry_by_code():
    found = by_code(Module(), Const(2, 2), {0: 7, 2: 7}, "entry")
    assert isinstance(found, Const)
    assert found.value == 7
