"""The Verilog testbench, and the binary files through which a batch goes in and comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import numpy.typing as npt

from .layout import Words
from .manifest import Manifest

__all__ = ["PATTERN_LIMIT", "BatchResult", "Status", "read_batch", "render", "write_batch"]

PATTERN_LIMIT = 4096
_WORD = 32
_CHUNK = 32
DRAIN_CYCLES = 64
"""Cycles that a batch goes on after its last END, so that surplus tokens are seen."""

Array = npt.NDArray[np.int64]


class Status(IntEnum):
    """Why a batch ended."""

    DONE = 1
    SURPLUS = 2
    HANG = 3
    UNKNOWN = 4
    WITHDRAWN = 5
    CHANGED = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchResult:
    """What a batch left behind.

    ``culprit`` is the stream that a status other than DONE or HANG is about, as index into the
    probes (one beyond: the input). ``counters`` [ports] are differences over the batch; ``stalls``
    [probes] cycles in which a token waited, as the testbench counts them; ``starts`` and
    ``finishes`` are the cycles of each sample's first input token and of its END.
    """

    status: Status
    culprit: int
    cycles: int
    accepted: int
    counters: Array
    stalls: Array
    starts: Array
    finishes: Array
    streams: tuple[Words, ...]


def render(manifest: Manifest, *, public: bool) -> str:
    """Verilog of the testbench. ``public``: mark the handshake for Verilator."""
    template = resources.files(__package__).joinpath("testbench.v.j2").read_text("utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(template).render(
        top=manifest.top,
        public="/*verilator public_flat_rw*/" if public else "",
        input=manifest.input_layout,
        input_word=_word_bits(manifest.input_layout.width),
        output=manifest.output.layout,
        pattern_limit=PATTERN_LIMIT,
        chunk=_CHUNK,
        counters=_ports(manifest),
        streams=[
            {
                "width": probe.layout.width,
                "word": _word_bits(probe.layout.width),
                "payload": probe.payload,
                "valid": probe.valid,
                "ready": probe.ready,
                "output": probe is manifest.output,
            }
            for probe in manifest.probes
        ],
    )


def write_batch(
    folder: Path,
    manifest: Manifest,
    words: Words,
    *,
    samples: int,
    limits: Sequence[int],
    watchdog: int,
    patterns: tuple[str, str],
) -> None:
    """Write what the testbench reads when ``go`` changes: big-endian, as $fread wants it."""
    control = [samples, words.size, watchdog, DRAIN_CYCLES]
    for pattern in patterns:
        control += [len(pattern), *(int(bit) for bit in pattern)]
    control += limits
    np.array(control, dtype=">u4").tofile(folder / "control.bin")
    word_bytes = _word_bits(manifest.input_layout.width) // 8
    words.astype(f">u{word_bytes}").tofile(folder / "input.bin")


def read_batch(folder: Path, manifest: Manifest) -> BatchResult:
    """Read what the testbench wrote by the time ``done`` changed."""
    report = np.fromfile(folder / "status.bin", dtype="=u4").astype(np.int64)
    ports = len(_ports(manifest))
    before, after = report[:ports], report[ports : 2 * ports]
    status, culprit, cycles, accepted = (int(w) for w in report[2 * ports : 2 * ports + 4])
    counts, stalls = report[2 * ports + 4 :].reshape(-1, 2).T
    streams = []
    for index, probe in enumerate(manifest.probes):
        word_bytes = _word_bits(probe.layout.width) // 8
        words = np.fromfile(folder / f"stream_{index}.bin", dtype=f"=u{word_bytes}")
        # The testbench writes whole chunks.
        streams.append(words[: counts[index]].astype(np.uint64))
    starts, finishes = (
        np.fromfile(folder / f"{name}.bin", dtype="=u4").astype(np.int64)
        for name in ("starts", "finishes")
    )
    return BatchResult(
        status=Status(status),
        culprit=culprit,
        cycles=cycles,
        accepted=accepted,
        counters=(after - before) % (1 << _WORD),
        stalls=stalls,
        starts=starts,
        finishes=finishes,
        streams=tuple(streams),
    )


def _ports(manifest: Manifest) -> list[str]:
    return [manifest.cycles_port, *(port for core in manifest.cores for port in core.ports)]


def _word_bits(width: int) -> int:
    return _WORD if width <= _WORD else 2 * _WORD
