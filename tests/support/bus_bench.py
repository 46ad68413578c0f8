"""What public bus models do with an accelerator; runs in the simulator's process, under cocotb."""

import json
import os
import random
from itertools import chain
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, Timer, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from cocotbext.wishbone.driver import WBOp, WishboneMaster

JOB = "SPIKEWRIGHT_BUS_JOB"
SPIKE, STEP, END = range(3)
CLEAR, SNAPSHOT, RESET, RELOAD = 1, 2, 4, 8
LOAD_DONE = 16
PATIENCE = 20  # reads of STATUS until the last word has been judged
LIMIT_US = 1000


class Refused(Exception):
    """An access that ended with an error."""


def load_job():
    """The job of this simulation."""
    return json.loads(Path(os.environ[JOB]).read_text())


def in_order(words, layout):
    """Tokens of a stream by step: its spikes in order, and the bits of the marker that count."""
    steps, spikes = [], []
    for word in words:
        kind = word & 3
        if kind == SPIKE:
            spikes.append(word)
        else:
            steps.append(
                (sorted(spikes), word & ((1 << layout["end_bits"]) - 1) if kind == END else STEP)
            )
            spikes = []
    assert not spikes, "spikes without a marker"
    return steps


class Host:
    """Registers by name, whatever the bus."""

    def __init__(self, dut, job):
        self.dut, self.job = dut, job
        self.address = {each["name"]: each["address"] for each in job["registers"]}
        self.rng = random.Random(job["seed"])

    async def get(self, name):
        return await self.read(self.address[name])

    async def put(self, name, value):
        await self.write(self.address[name], value)

    async def refuses(self, access):
        """Whether an access ends with an error."""
        try:
            await access
        except Refused:
            return True
        return False

    async def begin(self):
        """What a driver does first."""
        for each in self.job["registers"]:
            if each["constant"] is not None:
                assert await self.read(each["address"]) == each["constant"], each["name"]
        if self.job["image"]:
            await self.put("CONTROL", RELOAD)
        for word in self.job["image"]:
            await self.put("LOAD", word)
        for _ in range(PATIENCE if self.job["image"] else 0):
            if await self.get("STATUS") & LOAD_DONE:
                break
        there = 1 | LOAD_DONE if self.job["image"] else 1
        assert await self.get("STATUS") & (1 | LOAD_DONE) == there
        if self.job["image"]:
            await self.put("LOAD", 0)  # what comes behind is swallowed
            digits = [await self.get(f"NETWORK_HASH{k}") for k in range(4)]
            assert "".join(f"{each:08x}" for each in digits) == self.job["network"][:32]
        if "STEPS" in self.address:
            await self.put("STEPS", self.job["steps"])
            for bad in (0, self.job["max_steps"] + 1):
                assert await self.refuses(self.put("STEPS", bad))
            assert await self.get("STEPS") == self.job["steps"]
        await self.put("CONTROL", CLEAR)

    async def counters(self):
        """All counters of a snapshot."""
        await self.put("CONTROL", SNAPSHOT)
        return {name: await self.get(name) for name in self.job["counters"]}


class OnWishbone(Host):
    """The driver for registers of tokens."""

    def __init__(self, dut, job):
        super().__init__(dut, job)
        names = {"cyc": "cyc", "stb": "stb", "we": "we", "adr": "adr", "datwr": "dat_w",
                 "datrd": "dat_r", "ack": "ack", "err": "err", "sel": "sel"}  # fmt: skip
        self.bus = WishboneMaster(dut, "wb", dut.clk, width=32, timeout=20, signals_dict=names)

    async def reset(self):
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 3)
        self.dut.rst.value = 0

    async def access(self, address, data=None, sel=0xF):
        assert address % 4 == 0
        op = WBOp(address // 4, dat=data, sel=sel, idle=self.rng.choice((0, 0, 1, 3)))
        (result,) = await self.bus.send_cycle([op])
        if result.ack != 1:
            assert result.ack == 2
            raise Refused
        return int(result.datrd)

    async def read(self, address):
        return await self.access(address)

    async def write(self, address, value):
        await self.access(address, value)

    async def put_token(self, k, token):
        for _ in range(self.job["inputs"][k]["words"]):
            await self.put(f"IN{k}_DATA", token & 0xFFFFFFFF)
            token >>= 32

    async def get_token(self):
        token = 0
        for part in range(self.job["output"]["words"]):
            token |= await self.get("OUT_DATA") << 32 * part
        return token

    async def take(self, found):
        for _ in range(await self.get("OUT_LEVEL")):
            found.append(await self.get_token())

    async def run(self, samples):
        """Send samples and return the tokens that come."""
        queues = [
            [t for s in samples for t in s["inputs"][k]] for k in range(len(self.job["inputs"]))
        ]
        found = []
        wanted = sum(len(s["output"]) for s in samples)
        while len(found) < wanted:
            for k, queue in enumerate(queues):
                for _ in range(min(await self.get(f"IN{k}_FREE"), self.rng.randrange(1, 9))):
                    if queue:
                        await self.put_token(k, queue.pop(0))
            if self.rng.random() < 0.7:
                await self.take(found)
        return found


class OnAxi(Host):
    """The driver for streams of tokens."""

    def __init__(self, dut, job):
        super().__init__(dut, job)
        common = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), **common)
        self.sources = [
            AxiStreamSource(AxiStreamBus.from_prefix(dut, f"s_axis_{each['name']}"), **common)
            for each in job["inputs"]
        ]
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **common)
        parts = [self.lite.write_if.aw_channel, self.lite.write_if.w_channel,
                 self.lite.write_if.b_channel, self.lite.read_if.ar_channel,
                 self.lite.read_if.r_channel, *self.sources, self.sink]  # fmt: skip
        for k, part in enumerate(parts):
            part.set_pause_generator(self.pauses(job["seed"] + k))
        for part in (*self.sources, self.sink, self.lite.write_if, self.lite.read_if):
            part.log.setLevel("WARNING")

    def pauses(self, seed):
        rng = random.Random(seed)
        while True:
            yield rng.random() < 0.4

    async def reset(self):
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 3)
        self.dut.aresetn.value = 1
        self.sink.clear()
        await RisingEdge(self.dut.aclk)

    async def read(self, address):
        answer = await self.lite.read(address, 4)
        if answer.resp != AxiResp.OKAY:
            assert answer.resp == AxiResp.SLVERR
            raise Refused
        return int.from_bytes(answer.data, "little")

    async def write(self, address, value, count=4):
        answer = await self.lite.write(address, value.to_bytes(4, "little")[:count])
        if answer.resp != AxiResp.OKAY:
            assert answer.resp == AxiResp.SLVERR
            raise Refused

    async def run(self, samples):
        for sample in samples:
            for each, source, tokens in zip(
                self.job["inputs"], self.sources, sample["inputs"], strict=True
            ):
                # A frame ends with tlast, and so does a sample, with its END.
                data = b"".join(token.to_bytes(each["bytes"], "little") for token in tokens)
                await source.send(AxiStreamFrame(data))
        found, size = [], self.job["output"]["bytes"]
        for _ in samples:
            data = bytes((await self.sink.recv()).tdata)
            tokens = [
                int.from_bytes(data[k : k + size], "little") for k in range(0, len(data), size)
            ]
            assert [token & 3 == END for token in tokens] == [False] * (len(tokens) - 1) + [True]
            found += tokens
        return found


async def host_of(dut):
    """A host behind a reset."""
    job = load_job()
    await Timer(1, "ns")  # what is written at time 0 does not reach all of Icarus' logic
    if job["interface"] == "wishbone":
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
        host = OnWishbone(dut, job)
    else:
        cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
        host = OnAxi(dut, job)
    await host.reset()
    return host


async def equal(host, samples, *, stale=False):
    """Send samples; every token must be the golden model's.

    ``stale``: tokens of a sample that was broken off may have been taken before.
    """
    found = await with_timeout(host.run(samples), LIMIT_US, "us")
    wanted = [token for sample in samples for token in sample["output"]]
    if stale:
        before = len(found) - len(wanted)
        assert all(token & 3 != END for token in found[:before])
        found = found[before:]
    layout = host.job["output"]
    assert in_order(found, layout) == in_order(wanted, layout)


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def every_token_is_the_golden_model_s(dut):
    """Also after a reset in the middle, by the pin and by the register."""
    host = await host_of(dut)
    samples = host.job["samples"]
    await host.begin()
    await equal(host, samples)
    before = await host.counters()
    for k, spikes in enumerate(host.job["spikes_in"]):
        assert before[f"CORE{k}_SPIKES_IN"] == spikes
    assert before["CYCLES"] > 0
    again = {name: await host.get(name) for name in host.job["counters"]}
    assert again == before, "a snapshot stays"
    await host.put("CONTROL", SNAPSHOT | CLEAR)
    assert await host.get("CYCLES") > before["CYCLES"]
    assert (await host.counters())["CYCLES"] < before["CYCLES"]
    assert await host.get("REFUSED") == 0
    for way in ("register", "pin"):
        half = [
            {
                **samples[0],
                "inputs": [tokens[: len(tokens) // 2] for tokens in samples[0]["inputs"]],
            }
        ]
        job = cocotb.start_soon(host.run(half))
        await ClockCycles(dut.clk if hasattr(dut, "clk") else dut.aclk, 150)
        job.cancel()
        if way == "register":
            host = await host_of_again(host)
            await host.put("CONTROL", RESET)
        else:
            await host.reset()
            host = await host_of_again(host)
        if way == "pin" or host.job["image"]:
            await host.begin()  # else what is sent at once must wait until the reset is over
        await equal(host, samples[:2], stale=way == "register")


async def host_of_again(host):
    """Models whose work was broken off begin anew."""
    if host.job["interface"] == "wishbone":
        host.dut.wb_cyc.value = 0
        host.dut.wb_stb.value = 0
        await ClockCycles(host.dut.clk, 3)
        return OnWishbone(host.dut, host.job)
    for source in host.sources:
        source.clear()
        await source.wait()
    host.sink.clear()
    return host


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def a_reset_forgets_what_waits(dut):
    """Tokens on either side, and the first word of one."""
    host = await host_of(dut)
    if host.job["interface"] != "wishbone":
        return
    await host.begin()
    depth, words = (host.job["inputs"][0][name] for name in ("depth", "words"))
    for k, tokens in enumerate(host.job["samples"][0]["inputs"]):
        for token in tokens:
            await host.put_token(k, token)
    while not await host.get("OUT_LEVEL"):
        pass
    await host.put("CONTROL", RESET)
    assert await host.get("OUT_LEVEL") == 0 and await host.get("STATUS") & 2 == 0
    if words > 1:
        await host.put("IN0_DATA", 0xFFFFFFFF)
    await host.put("CONTROL", RESET)
    assert await host.get("IN0_FREE") == depth
    await host.begin()
    await equal(host, host.job["samples"][:2])


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def what_is_not_there_is_refused(dut):
    """Unknown addresses, wrong directions, parts of words; none of them does anything."""
    host = await host_of(dut)
    await host.begin()
    await host.put("CONTROL", CLEAR)
    job = host.job
    bad = 0
    for address in range(0, 4096, 4):
        known = next((r for r in job["registers"] if r["address"] == address), None)
        if known is None and host.rng.random() < 0.02:
            assert await host.refuses(host.read(address)), hex(address)
            assert await host.refuses(host.write(address, 0xFFFFFFFF)), hex(address)
            bad += 2
        elif known is not None and known["access"] == "read":
            assert await host.refuses(host.write(address, 0xFFFFFFFF)), known["name"]
            bad += 1
        elif known is not None and known["access"] == "write":
            assert await host.refuses(host.read(address)), known["name"]
            bad += 1
    control = host.address["CONTROL"]
    if job["interface"] == "wishbone":
        for sel in (0x1, 0x3, 0xE, 0):
            assert await host.refuses(host.access(control, RESET, sel=sel))
            assert await host.refuses(host.access(host.address["STATUS"], sel=sel))
            bad += 2
        assert await host.refuses(host.get("OUT_DATA")), "nothing is there to be read"
        bad += 1
    else:
        assert await host.refuses(host.write(control, RESET, count=1))
        bad += 1
    assert await host.get("REFUSED") == bad
    assert await host.get("STATUS") & 1, "nothing was reset"
    await equal(host, job["samples"][:1])


@cocotb.test(timeout_time=LIMIT_US, timeout_unit="us")
async def full_queues_lose_nothing(dut):
    """The host sends and never reads, until nothing more is taken."""
    host = await host_of(dut)
    await host.begin()
    job = host.job
    if job["interface"] != "wishbone":
        host.sink.set_pause_generator(chain((True for _ in range(2000)), host.pauses(1)))
        await equal(host, job["samples"])
        return
    await host.put("INTERRUPT", 1)
    assert not int(dut.irq.value)
    # More than can fit: of each input twice what both queues, and a guard, have room for.
    most = 2 * (job["inputs"][0]["depth"] + job["output"]["depth"] + job["guard"])
    samples = list(job["samples"])
    while min(sum(len(s["inputs"][k]) for s in samples) for k in range(len(job["inputs"]))) < most:
        samples += job["samples"]
    queues = [[t for s in samples for t in s["inputs"][k]] for k in range(len(job["inputs"]))]
    patience = 0
    while patience < 40:
        patience += 1
        for k, queue in enumerate(queues):
            while queue and await host.get(f"IN{k}_FREE"):
                await host.put_token(k, queue.pop(0))
                patience = 0
    assert any(queues), "there must be more than fits"
    assert int(dut.irq.value) and await host.get("STATUS") & 2
    before = await host.get("REFUSED")
    full = next(k for k, queue in enumerate(queues) if queue)
    assert await host.refuses(host.put(f"IN{full}_DATA", queues[full][0]))
    assert await host.get("REFUSED") == before + 1
    await host.put("INTERRUPT", 0)
    assert not int(dut.irq.value)
    found, wanted = [], [token for sample in samples for token in sample["output"]]
    while len(found) < len(wanted):
        await host.take(found)
        for k, queue in enumerate(queues):
            while queue and await host.get(f"IN{k}_FREE"):
                await host.put_token(k, queue.pop(0))
    assert await host.get("STATUS") & 2 == 0
    if job["guard"]:
        spikes = sum(t & 3 == SPIKE for s in samples for t in s["inputs"][0])
        counted = await host.counters()
        assert counted["IN0_LOSSES"] > 0
        assert counted["IN0_LOSSES"] + counted["CORE0_SPIKES_IN"] == spikes
    else:
        assert in_order(found, job["output"]) == in_order(wanted, job["output"])
