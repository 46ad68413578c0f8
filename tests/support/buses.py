"""Accelerators on buses: cases, and a simulation of one with public models of the bus."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.streams import OUTPUT, frame_name, frame_streams
from spikewright.flow.generate import generate
from spikewright.flow.ip import Interface, write_ip
from spikewright.flow.synthesize.sample import stored_sample
from spikewright.golden.spec import TokenKind

__all__ = ["BusCase", "simulate_bus"]

_PATIENCE_SECONDS = 60
_RUN = """
import sys
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner
sources, top = sys.argv[1].split(","), "bench"
runner = get_runner("icarus")
runner.build(sources=sources, hdl_toplevel=top, build_args=["-g2005"], build_dir="build",
             timescale=("1ns", "1ps"), log_file="build.log")
results = runner.test(test_module="support.bus_bench", hdl_toplevel=top, build_dir="build",
                      test_dir=".", results_xml="results.xml", log_file="run.log",
                      timescale=("1ns", "1ps"))
print(*get_results(results))
"""


@dataclass(frozen=True, kw_only=True)
class BusCase:
    """A network, its plan and the samples ``inputs`` [samples, n] by name."""

    network: object
    plan: object
    inputs: dict
    steps: int | None = None

    def write(self, folder, interface):
        """Generate the block; returns (Generated, its folder)."""
        generated = generate(self.network, self.plan, Path(folder))
        first = {name: values[:1] for name, values in self.inputs.items()}
        sample = stored_sample(
            self.network, self.plan.mode, first, steps=self.steps, encoders=self.plan.encoders
        )
        return generated, write_ip(generated, interface, sample)

    def samples(self, accelerator):
        """Words that go in, by input, and tokens that must come out, of each sample."""
        streams = golden_streams(self.network, self.plan.mode, self.inputs, self.steps)
        streams |= frame_streams(self.network, self.inputs) if self.plan.encoders else {}
        count = len(next(iter(self.inputs.values())))
        found = []
        for k in range(count):
            words = []
            for each in accelerator.inputs:
                name = frame_name(each.name) if each.encoder is not None else each.name
                words.append(pack(each.layout, streams[name], k))
            out = pack(accelerator.output_layout.single, streams[OUTPUT], k)
            found.append({"inputs": words, "output": out})
        return found, streams


def pack(layout, stream, k):
    """Words of sample k."""
    part = slice(int(stream.starts[k]), int(stream.starts[k + 1]))
    fields = stream.kind[part], stream.address[part], stream.payload[part]
    return [int(word) for word in layout.pack(*fields)]


def bits(width):
    """The range of a net."""
    return f"[{width - 1}:0] " if width > 1 else ""


def bench_of(top, ports):
    """A module around the top whose inputs are registers, which begin with 0 instead of Z."""
    lines = ["module bench;"]
    for port in ports:
        kind, begins = ("reg", " = 0") if port["direction"] == "input" else ("wire", "")
        lines.append(f"  {kind} {bits(port['width'])}{port['name']}{begins};")
    joined = ", ".join(f".{port['name']}({port['name']})" for port in ports)
    return "\n".join([*lines, f"  {top} dut ({joined});", "endmodule", ""])


def simulate_bus(case, folder, interface, *, seed=1):
    """Run ``bus_bench``; raises AssertionError with the log where a test of it failed."""
    interface = Interface(interface)
    generated, block = case.write(folder, interface)
    accelerator = generated.accelerator
    section = json.loads((block / "manifest.json").read_text())["interface"]
    samples, streams = case.samples(accelerator)
    ins = list(section["streams"]["inputs"].values())
    output = section["streams"]["output"]
    job = {
        "interface": str(interface),
        "seed": seed,
        "registers": section["registers"],
        "network": accelerator.network.content_hash,
        "image": list(accelerator.image) if accelerator.loading else [],
        "counters": [
            r["name"] for r in section["registers"]
            if r["name"] == "CYCLES" or r["name"].startswith("CORE")
            or r["name"].endswith(("LOSSES", "WAITS"))
        ],
        "steps": case.steps,
        "max_steps": case.network.max_steps,
        "inputs": [{"name": e.name, **ins[k]} for k, e in enumerate(accelerator.inputs)],
        "output": {**output, "end_bits": 2 + accelerator.output_layout.address_bits},
        "samples": samples,
        "guard": max((g.depth for g in case.plan.guards), default=0),
        "spikes_in": [
            sum(
                int((streams[port.connection.source].kind == TokenKind.SPIKE).sum())
                for port in core.config.ports
            )
            for core in accelerator.cores
        ],
    }  # fmt: skip
    place = Path(folder) / "bus"
    place.mkdir()
    (place / "job.json").write_text(json.dumps(job))
    (place / "bench.v").write_text(bench_of(section["top"], section["ports"]))
    sources = ",".join([*(str(block / name) for name in section["verilog"]), "bench.v"])
    environment = {**os.environ, "SPIKEWRIGHT_BUS_JOB": str(place / "job.json")}
    for name in ("PYTEST_CURRENT_TEST", "COCOTB_TEST_FILTER"):
        environment.pop(name, None)
    tests = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join([tests, environment.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, sources],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the simulator is its child
            process.communicate()
    log = place / "run.log"
    tail = log.read_text()[-6000:] if log.is_file() else ""
    assert output.split()[-2:] == ["4", "0"], f"{output[-1000:]}\n{tail}"
    return job
