"""What each register does, cycle by cycle."""

from dataclasses import replace

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.interfaces.control import Control, counters_of
from spikewright.hdl.interfaces.register_map import DATA_BITS, RESET_CYCLES, register_map
from spikewright.hdl.plan import WeightStore
from support.chains import bounded_chain
from support.registers import access
from support.streams import simulate

NETWORK = bounded_chain((6, 5, 3), seed=2)
HASH = "0123456789abcdef" * 4
CLEAR, SNAPSHOT, RESET = 1, 2, 4


def control_of(*, tokens=True, loaded=False, encoders=False):
    mode = Mode.STEPWISE if encoders else Mode.COLLAPSED
    plan = default_plan(NETWORK, mode, lanes=4, encoders=encoders)
    if loaded:
        cores = tuple(replace(core, weights=WeightStore.SPRAM) for core in plan.cores)
        plan = replace(plan, cores=cores)
    accelerator = Accelerator(network=NETWORK, plan=plan)
    registers = register_map(accelerator, plan_hash=HASH, tokens=tokens)
    return Control(accelerator=accelerator, registers=registers)


class Host:
    """Reads and writes by name."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut = ctx, dut

    async def get(self, name):
        error, value, cycles = await access(
            self.ctx, self.dut.bus, self.dut.registers.find(name).address
        )
        assert cycles == self.dut.latency
        return None if error else value

    async def put(self, name, value):
        address = self.dut.registers.find(name).address
        error, _, _ = await access(self.ctx, self.dut.bus, address, value)
        return not error


def run(dut, body):
    async def bench(ctx):
        assert ctx.get(dut.reset), "it begins with a reset"
        await ctx.tick().repeat(RESET_CYCLES)
        await body(ctx, Host(ctx, dut))

    simulate(dut, bench)


def test_counters_of_an_accelerator_are_as_the_table_names_them():
    control = control_of()
    values = counters_of(control.accelerator)
    assert len(values) == len(control.registers.counters)
    names = [value.name for value in values]
    assert names[0] == "counters__cycles"
    wanted = [name.lower().split("_", 1) for name in control.registers.counters[1:]]
    assert names[1:] == [f"counters__{core}__{name}" for core, name in wanted]


def test_identification():
    async def body(ctx, host):
        for register in host.dut.registers.registers:
            if register.constant is not None:
                assert await host.get(register.name) == register.constant
                assert not await host.put(register.name, 0)

    run(control_of(), body)


def test_snapshot_and_clear_are_of_one_cycle():
    dut = control_of()
    names = dut.registers.counters

    async def body(ctx, host):
        def count(start):
            packed = sum(start + k << DATA_BITS * k for k in range(len(names)))
            ctx.set(dut.counters, packed)

        count(100)
        assert [await host.get(name) for name in names] == [0] * len(names)
        ctx.set(dut.bus.valid, 1)
        ctx.set(dut.bus.write, 1)
        ctx.set(dut.bus.whole, 1)
        ctx.set(dut.bus.address, dut.registers.find("CONTROL").address // 4)
        for data in (CLEAR, SNAPSHOT, CLEAR | SNAPSHOT):
            ctx.set(dut.bus.data, data)
            assert ctx.get(dut.clear) == data & CLEAR
            await ctx.tick()
            assert not ctx.get(dut.clear)
            count(200 + data)
            await ctx.tick()
        ctx.set(dut.bus.valid, 0)
        count(999)
        # Kept is what there was when the last snapshot was asked for.
        last = 200 + SNAPSHOT
        assert [await host.get(name) for name in names] == [last + k for k in range(len(names))]

    run(dut, body)


def test_a_reset_lasts_and_accesses_wait():
    dut = control_of()

    async def body(ctx, host):
        ctx.set(dut.bus.valid, 1)
        ctx.set(dut.bus.write, 1)
        ctx.set(dut.bus.whole, 1)
        ctx.set(dut.bus.address, dut.registers.find("CONTROL").address // 4)
        ctx.set(dut.bus.data, RESET)
        seen, done = [], []
        for cycle in range(2 * RESET_CYCLES):
            seen.append(ctx.get(dut.reset))
            done.append(ctx.get(dut.bus.done))
            await ctx.tick()
            ctx.set(dut.bus.valid, cycle != 1)
            ctx.set(dut.bus.write, 0)
            ctx.set(dut.bus.address, 0)
        assert seen == [0] + [1] * RESET_CYCLES + [0] * (RESET_CYCLES - 1)
        # An access that comes meanwhile is answered when it is over.
        assert done[:3] == [0, 1, 0] and done.index(1, 2) == 2 + RESET_CYCLES

    run(dut, body)


def test_refused_counts_until_clear():
    async def body(ctx, host):
        assert await host.get("REFUSED") == 0
        for _ in range(3):
            assert not await host.put("STATUS", 1)
        assert await host.get("CONTROL") is None
        assert await host.get("REFUSED") == 4
        assert await host.put("CONTROL", CLEAR)
        assert await host.get("REFUSED") == 0

    run(control_of(), body)


def test_a_result_and_its_interrupt():
    dut = control_of()

    async def body(ctx, host):
        for enabled in (0, 1):
            assert await host.put("INTERRUPT", enabled)
            assert await host.get("INTERRUPT") == enabled
            for result in (0, 1, 0):
                ctx.set(dut.result, result)
                assert ctx.get(dut.irq) == (enabled and result)
                assert await host.get("STATUS") == 1 | result << 1

    run(dut, body)


def test_framing_is_remembered():
    dut = control_of(tokens=False)

    async def body(ctx, host):
        assert await host.get("STATUS") == 1
        ctx.set(dut.framing, 1)
        await ctx.tick()
        ctx.set(dut.framing, 0)
        assert await host.get("STATUS") == 1 | 1 << 2
        assert await host.put("CONTROL", CLEAR)
        assert await host.get("STATUS") == 1

    run(dut, body)


def test_every_number_of_steps():
    dut = control_of(encoders=True)
    most = NETWORK.max_steps

    async def body(ctx, host):
        assert await host.get("STEPS") == ctx.get(dut.steps) == most
        kept = most
        for steps in (*range(most + 2), 1 << 31, 3):
            good = 1 <= steps <= most
            assert await host.put("STEPS", steps) == good
            kept = steps if good else kept
            assert await host.get("STEPS") == ctx.get(dut.steps) == kept

    run(dut, body)


def test_words_of_an_image_wait_until_they_are_taken():
    dut = control_of(loaded=True)

    async def body(ctx, host):
        for word in (0xABCD1234, 5):
            assert await host.put("LOAD", word)
            for _ in range(3):
                assert ctx.get(dut.load.valid) and ctx.get(dut.load.payload) == word & 0xFFFF
                await ctx.tick()
            # There is no room for another one.
            assert not await host.put("LOAD", 7)
            ctx.set(dut.load.ready, 1)
            await ctx.tick()
            ctx.set(dut.load.ready, 0)
            assert not ctx.get(dut.load.valid)

    run(dut, body)


def test_how_a_load_ends_and_of_what():
    dut = control_of(loaded=True)
    digest = bytes(range(100, 132))

    async def body(ctx, host):
        for loaded, done, result in ((0, 0, 0), (1, 1, 0), (0, 1, 2), (1, 1, 4)):
            ctx.set(dut.loaded, loaded)
            ctx.set(dut.load_done, done)
            ctx.set(dut.load_result, result)
            assert await host.get("STATUS") == loaded | done << 4 | result << 5
        ctx.set(dut.network_hash.write, 1)
        for place, byte in enumerate(digest):
            ctx.set(dut.network_hash.place, place)
            ctx.set(dut.network_hash.byte, byte)
            await ctx.tick()
        ctx.set(dut.network_hash.write, 0)
        for k in range(4):
            found = await host.get(f"NETWORK_HASH{k}")
            assert f"{found:08x}" == digest.hex()[8 * k : 8 * k + 8]

    run(dut, body)


def test_reload_is_for_a_cycle():
    dut = control_of(loaded=True)

    async def body(ctx, host):
        seen = []

        async def watch():
            seen.append(ctx.get(dut.reload))

        assert not ctx.get(dut.reload)
        ctx.set(dut.bus.valid, 1)
        ctx.set(dut.bus.write, 1)
        ctx.set(dut.bus.whole, 1)
        ctx.set(dut.bus.address, dut.registers.find("CONTROL").address // 4)
        ctx.set(dut.bus.data, 1 << 3)
        for _ in range(dut.latency):
            await watch()
            await ctx.tick()
        ctx.set(dut.bus.valid, 0)
        for _ in range(3):
            await watch()
            await ctx.tick()
        assert seen.count(1) == 1
        assert not ctx.get(dut.reset)

    run(dut, body)
