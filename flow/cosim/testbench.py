"""The Verilog testbench, and the binary files through which a batch goes in and comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import numpy.typing as npt

from spikewright.golden.spec import TokenKind

from .layout import Layout, Words
from .manifest import Manifest

__all__ = ["PATTERN_LIMIT", "BatchResult", "Status", "read_batch", "render", "write_batch"]

PATTERN_LIMIT = 4096
_WORD = 32
_CHUNK = 32
_BURST_CYCLES = 64
LOAD_PATIENCE = 1000
"""Cycles in which no word is taken after which loading counts as over."""
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
    probes and, beyond them, the inputs. ``accepted``: input tokens; ``refused`` [inputs] cycles in
    which one waited. ``counters`` [ports] are differences over the batch; ``stalls`` [probes]
    cycles in which a token waited, as the testbench counts them; ``start`` is the cycle of the
    first input token, ``finishes`` those of each sample's END.
    """

    status: Status
    culprit: int
    cycles: int
    accepted: int
    refused: Array
    counters: Array
    stalls: Array
    start: int
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
        inputs=[
            {
                "width": source.layout.width,
                "word": _word_bits(source.layout.width),
                "port": source.port,
            }
            for source in manifest.inputs
        ],
        output=manifest.output.layout,
        load=manifest.load,
        load_patience=LOAD_PATIENCE,
        frames=any(source.frames for source in manifest.inputs),
        pattern_limit=PATTERN_LIMIT,
        chunk=_CHUNK,
        burst=_BURST_CYCLES,
        counters=manifest.counter_ports,
        streams=[
            {
                "width": probe.layout.width,
                "word": _word_bits(probe.layout.token_width),
                "parts": _parts(probe.layout, index),
                "payload": probe.payload,
                "valid": probe.valid,
                "ready": probe.ready,
                "output": probe is manifest.output,
            }
            for index, probe in enumerate(manifest.probes)
        ],
    )


def write_batch(
    folder: Path,
    manifest: Manifest,
    words: Sequence[Words],
    *,
    samples: int,
    limits: Sequence[int],
    watchdog: int,
    input_patterns: Sequence[str],
    output_pattern: str,
    steps: int = 1,
    calm: int = 0,
) -> None:
    """Write what the testbench reads when ``go`` changes: big-endian, as $fread wants it.

    ``words`` and ``input_patterns`` are by input, ``limits`` the most tokens of each probe,
    ``steps`` the T of frames. ``calm`` : cycles without any token after which a batch is over, in
    which not all tokens of each probe need come; 0 where they must.
    """
    control = [
        samples,
        watchdog,
        DRAIN_CYCLES,
        steps,
        calm,
        len(output_pattern),
        *map(int, output_pattern),
    ]
    for index, (source, sent, pattern) in enumerate(
        zip(manifest.inputs, words, input_patterns, strict=True)
    ):
        control += [sent.size, len(pattern), *map(int, pattern)]
        word_bytes = _word_bits(source.layout.width) // 8
        sent.astype(f">u{word_bytes}").tofile(folder / f"input_{index}.bin")
    control += limits
    np.array(control, dtype=">u4").tofile(folder / "control.bin")


def read_batch(folder: Path, manifest: Manifest) -> BatchResult:
    """Read what the testbench wrote by the time ``done`` changed."""
    report = np.fromfile(folder / "status.bin", dtype="=u4").astype(np.int64)
    ports = len(manifest.counter_ports)
    before, after = report[:ports], report[ports : 2 * ports]
    rest = report[2 * ports :]
    status, culprit, cycles = (int(word) for word in rest[:3])
    n_inputs = len(manifest.inputs)
    accepted, refused = rest[3 : 3 + 2 * n_inputs].reshape(-1, 2).T
    counts, stalls = rest[3 + 2 * n_inputs :].reshape(-1, 2).T
    streams = []
    for index, probe in enumerate(manifest.probes):
        word_bytes = _word_bits(probe.layout.token_width) // 8
        words = np.fromfile(folder / f"stream_{index}.bin", dtype=f"=u{word_bytes}")
        # The testbench writes whole chunks.
        streams.append(words[: counts[index]].astype(np.uint64))
    starts = [np.fromfile(folder / f"starts_{k}.bin", dtype="=u4") for k in range(n_inputs)]
    return BatchResult(
        status=Status(status),
        culprit=culprit,
        cycles=cycles,
        accepted=int(accepted.sum()),
        refused=refused,
        counters=(after - before) % (1 << _WORD),
        stalls=stalls,
        start=min((int(each[0]) for each in starts if each.size), default=0),
        finishes=np.fromfile(folder / "finishes.bin", dtype="=u4").astype(np.int64),
        streams=tuple(streams),
    )


def _parts(layout: Layout, index: int) -> list[dict[str, str]]:
    """The tokens of a word, one for each slot, and when there is one, in Verilog."""
    name = f"payload_{index}"

    def field(first: int, bits: int) -> str:
        return f"{name}[{first + bits - 1}:{first}]"

    if layout.slots == 1:
        return [{"condition": "1'b1", "token": name}]
    found = [{"condition": "1'b1", "token": field(0, layout.token_width)}]
    kind = field(*layout.kind)
    for slot in range(1, layout.slots):
        first = layout.slot_offset(slot)
        # What is above the kind is in the same order in a slot.
        place = field(first + 1, layout.slot_bits - 1)
        spike = f"{layout.kind[1]}'d{TokenKind.SPIKE.value}"
        found.append(
            {"condition": f"{kind} == {spike} && {name}[{first}]", "token": f"{{{place}, {spike}}}"}
        )
    return found


def _word_bits(width: int) -> int:
    return _WORD if width <= _WORD else 2 * _WORD
