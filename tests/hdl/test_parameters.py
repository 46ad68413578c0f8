"""Constants come by row, one cycle later, and hold."""

import pytest
from amaranth.hdl import signed, unsigned

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.parameters import ParameterTable, in_memory
from spikewright.hdl.plan import ParameterStore
from support.streams import simulate


def test_constructor_errors():
    with pytest.raises(
        ConfigurationError, match=r"^every row must have one value a lane, found another count$"
    ):
        ParameterTable(values=[[1], [1, 2]], shape=unsigned(2))
    with pytest.raises(ConfigurationError, match=r"^a constant must fit signed\(3\), found 4$"):
        ParameterTable(values=[[4]], shape=signed(3))


@pytest.mark.parametrize("rows", [1, 2, 5, 16, 17, 40])
@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("store", list(ParameterStore))
def test_every_row_and_lane(rows, equal, store):
    values = [[0 if equal else g - 20, lane - 1] for g in range(rows) for lane in [g % 3]]
    values = [[row[0], -1 if equal else row[1]] for row in values]
    table = ParameterTable(values=values, shape=signed(7), store=store)
    assert (table.latency, table.interval) == (1, 1)
    assert in_memory(values, store) == (
        store is ParameterStore.MEMORY and rows > 16 and values[0] != values[-1]
    )

    async def bench(ctx):
        for g, row in enumerate(values):
            ctx.set(table.index, g)
            ctx.set(table.enable, 1)
            for _ in range(table.latency):
                await ctx.tick()
            ctx.set(table.enable, 0)
            ctx.set(table.index, 0)
            await ctx.tick()
            assert [ctx.get(table.lane(lane)) for lane in range(4)] == row * 2

    simulate(table, bench)
