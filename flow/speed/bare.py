"""The accelerator's Verilog alone in Verilator, under a C++ main: co-simulation is held against it.

No testbench, no cocotb and no comparison: it feeds tokens, takes all that comes and counts ENDs.
"""

import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from spikewright.flow.cosim.layout import Words
from spikewright.flow.cosim.manifest import Manifest
from spikewright.flow.cosim.simulate import VERILATOR_OPTIONS
from spikewright.flow.tools import simulator_environment, verilator_root
from spikewright.golden.errors import ToolError, UnsupportedError
from spikewright.golden.spec import TokenKind

__all__ = ["Bare", "build_bare"]

_CYCLE_LIMIT = 10**10
_WORD_BITS = 32


@dataclass(frozen=True, kw_only=True)
class Bare:
    """A program that simulates an accelerator."""

    program: Path

    def run(self, words: Words, samples: int) -> tuple[int, float, float]:
        """Cycles, seconds and processor seconds for the input words of so many samples.

        Raises
        ------
        ToolError
            If it failed, or not all samples ended.
        """
        path = self.program.parent / "words.bin"
        words.astype("=u4").tofile(path)
        done = subprocess.run(
            [self.program, path, str(samples)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise _failed("run", done)
        cycles, seconds, processor_seconds, ends = done.stdout.split()
        if int(ends) != samples:
            raise ToolError(
                f"the bare simulation must end {samples} samples",
                found=ends,
                where=str(self.program),
            )
        return int(cycles), float(seconds), float(processor_seconds)


def build_bare(manifest: Manifest, folder: Path) -> Bare:
    """Compile the accelerator in ``folder``, as optimised as a co-simulation is.

    Raises
    ------
    UnsupportedError
        If it has several inputs, or one of more than 32 bits.
    ToolError
        If a tool is missing or failed.
    """
    (source, *others) = manifest.inputs
    if others or source.frames or source.layout.width > _WORD_BITS:
        raise UnsupportedError(
            "a bare simulation must have one input of tokens of at most 32 bits",
            found=f"{len(manifest.inputs)} inputs, the first of {source.layout.width} bits",
        )
    environment = simulator_environment("verilator")
    folder.mkdir(parents=True, exist_ok=True)
    template = resources.files(__package__).joinpath("bare.cpp.j2").read_text("utf-8")
    offset, bits = manifest.output.layout.kind
    text = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    main = folder / "bare.cpp"
    main.write_text(
        text.from_string(template).render(
            top=manifest.top,
            limit=_CYCLE_LIMIT,
            kind_mask=((1 << bits) - 1) << offset,
            end=TokenKind.END.value << offset,
        ),
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            verilator_root() / "bin" / "verilator", "--cc", "--exe", "--build",
            "--top-module", manifest.top, "--prefix", "Vbare", "--Mdir", folder / "build",
            "-o", "bare", *VERILATOR_OPTIONS, manifest.verilog, main,
        ],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise _failed("build", done)
    return Bare(program=folder / "build" / "bare")


def _failed(what: str, done: "subprocess.CompletedProcess[str]") -> ToolError:
    return ToolError(
        f"verilator must {what} the bare simulation",
        found=f"a failure, whose output ends with:\n{(done.stdout + done.stderr)[-1500:]}\n",
    )
