"""One random case: a network, a plan, samples and stalls; golden model against generated Verilog.

The simulation is Icarus on the very testbench of ``spikewright cosim``, without cocotb: a process
of Python in every simulator would take most of the time of networks this small.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.flow.cosim.compare import Difference
from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.judge import judge
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.cosim.schedule import core_work
from spikewright.flow.cosim.setup import Setup, build_vectors
from spikewright.flow.cosim.streams import frame_streams
from spikewright.flow.cosim.testbench import read_batch, render, write_batch
from spikewright.flow.generate import generate
from spikewright.flow.tools import simulator_environment
from spikewright.golden.spec import Encoding, Mode, Network
from spikewright.hdl.plan import HardwarePlan
from support.random_networks import Chooser, random_inputs
from support.random_plans import maybe_loadable, random_plan, random_stalls

__all__ = ["Bench", "Case", "check", "random_case"]

_WATCHDOG = 20_000
_ONCE = """module once;
    initial begin
        #1 testbench.go = 32'd1;
        wait (testbench.done == 32'd1);
        #1 $finish;
    end
endmodule
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """What one co-simulation needs; ``stalls`` are of each input, then of the output."""

    network: Network
    plan: HardwarePlan
    inputs: dict[str, np.ndarray]
    steps: int | None
    keep: tuple[bool, ...] | None
    stalls: tuple[str | None, ...]

    def __repr__(self) -> str:
        parts = [repr(self.plan), f"steps {self.steps}, keep {self.keep}, stalls {self.stalls}"]
        parts += [repr(part) for part in (*self.network.inputs, *self.network.populations)]
        parts += [repr(connection) for connection in self.network.connections]
        parts += [f"{name} {values.tolist()}" for name, values in self.inputs.items()]
        return "\n".join(parts)


def random_case(chooser: Chooser, network: Network) -> Case:
    """A case of any mode that the network has."""
    # What settles is the rarer half of the networks.
    modes = network.modes if len(network.modes) == 1 else (*network.modes, Mode.SETTLE)
    mode = modes[chooser.integer(0, len(modes) - 1)]
    steps = chooser.integer(1, network.max_steps)
    events = any(source.encoding is Encoding.EVENTS for source in network.inputs)
    batch = chooser.integer(1, 4)
    keep = None
    streams = mode is not Mode.STEPWISE or all(each.encoding.repeats for each in network.inputs)
    if streams and chooser.integer(0, 1) == 0:
        # no stepwise sample may run longer than the network, from one reset to the next
        steps = max(1, steps // batch)
        keep = tuple(chooser.integer(0, 1) == 1 for _ in range(batch))
    return Case(
        network=network,
        plan=maybe_loadable(chooser, network, random_plan(chooser, network, mode)),
        inputs=random_inputs(network, batch=batch, steps=steps, seed=chooser.integer(0, 2**16)),
        steps=steps if mode is Mode.STEPWISE or events else None,
        keep=keep,
        stalls=tuple(random_stalls(chooser) for _ in range(len(network.inputs) + 1)),
    )


def check(case: Case, folder: Path, *, mapped: Callable[[Path], list[Path]] | None = None) -> None:
    """Generate, simulate and compare; raises MismatchError at the first difference.

    ``mapped`` makes other Verilog files of the generated one, to be simulated in its place.
    """
    generate(case.network, case.plan, folder)
    bench = Bench(case, folder)
    verilog = bench.manifest.verilog
    bench.build([verilog] if mapped is None else mapped(verilog))
    difference = bench.difference()
    if difference is not None:
        raise difference.error()


class Bench:
    """The testbench of a case whose Verilog is generated in ``folder``, and what it must see."""

    def __init__(self, case: Case, folder: Path, *, watchdog: int = _WATCHDOG) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        streams = golden_streams(
            case.network,
            case.plan.mode,
            case.inputs,
            case.steps,
            keep=case.keep,
            replayed=[each.name for each in self.manifest.inputs if each.first_step_only],
        )
        streams |= frame_streams(case.network, case.inputs, case.keep)
        work = core_work(case.network, self.manifest, case.plan)
        self.vectors = build_vectors(case.network, self.manifest, streams, work)
        patterns = [_go(stalls) for stalls in case.stalls]
        self.setup = Setup(
            generated=str(folder),
            simulator="icarus",
            folder=str(folder),
            batch=self.vectors.samples,
            samples=self.vectors.samples,
            watchdog=watchdog,
            input_patterns=patterns[:-1],
            output_pattern=patterns[-1],
            steps=case.steps or 1,
        )
        testbench = render(self.manifest, public=False) + _ONCE
        (folder / "testbench.v").write_text(testbench, encoding="utf-8")

    def build(self, verilog: list[Path]) -> None:
        """Compile these files with the testbench, which is the same for any inputs and stalls."""
        # Models of cells are SystemVerilog, as which Icarus 11 does not start what Amaranth writes.
        standard = "-g2005" if len(verilog) == 1 else "-g2012"
        command = ["iverilog", standard, "-o", "once.vvp", "-s", "testbench", "-s", "once"]
        self._call(*command, *map(str, verilog), "testbench.v")

    def difference(self) -> Difference | None:
        """What the simulation does that it must not."""
        write_batch(
            self.folder,
            self.manifest,
            self.vectors.input_words,
            samples=self.vectors.samples,
            limits=[words.size for words in self.vectors.words],
            watchdog=self.setup.watchdog,
            input_patterns=self.setup.input_patterns,
            output_pattern=self.setup.output_pattern,
            steps=self.setup.steps,
        )
        self._call("vvp", "-N", "once.vvp")
        result = read_batch(self.folder, self.manifest)
        return judge(self.setup, self.manifest, self.vectors, result, first=0)

    def _call(self, *command: str) -> None:
        environment = simulator_environment("icarus", optimise="-O0")
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True)


def _go(stalls: str | None) -> str:
    return "1" if stalls is None else stalls.translate(str.maketrans("01", "10"))
