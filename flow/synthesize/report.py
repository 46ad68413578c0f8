"""What a build says: size, speed, the slowest path."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BuildReport", "CriticalPath", "PathSegment", "SeedTiming"]


@dataclass(frozen=True, kw_only=True)
class PathSegment:
    """One piece of a path.

    ``kind`` is clk-to-q, routing, logic or setup; ``code`` is the line that it comes from.
    """

    kind: str
    delay_ns: float
    source: str
    sink: str
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class CriticalPath:
    """A path from a register to a register, and what its delay is made of."""

    source: str
    sink: str
    delay_ns: float
    logic_ns: float
    routing_ns: float
    segments: tuple[PathSegment, ...]

    def text(self) -> str:
        """The path as lines to read."""
        lines = [
            f"{self.delay_ns:.2f} ns ({self.logic_ns:.2f} logic, {self.routing_ns:.2f} routing)",
            f"  from {self.source}",
            f"  to   {self.sink}",
        ]
        total = 0.0
        for segment in self.segments:
            total += segment.delay_ns
            code = f"  ({segment.code})" if segment.code else ""
            lines.append(
                f"  {total:7.2f} {segment.delay_ns:+6.2f} {segment.kind:9s} {segment.sink}{code}"
            )
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class SeedTiming:
    """What place and route reached with one seed at the clock asked for, and how."""

    seed: int
    fmax_mhz: float
    router: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """A bitstream and its figures; plain data, so that it can be stored as JSON.

    Parameters
    ----------
    board, device : where it runs.
    lut : 4-input lookup tables, those of carry chains and LUT RAM too. ff, bram, spram, dsp :
        flip-flops, block RAMs, large RAMs, multipliers. logic_cells : iCE40's cells of one lookup
        table and one flip-flop; None elsewhere.
    used : (used, available) of every resource that is used, by nextpnr's names.
    fmax_mhz : what the slowest path allows in the bitstream.
    requested_mhz : the clock asked for, or the board's default. met : whether it could be had.
    clock_mhz : what the bitstream's PLL makes; never above ``fmax_mhz``.
    constraint_mhz : what place and route aimed at. seed, router : how it went about it.
    seeds : what it reached with every seed; ``seed`` is that of their median Fmax.
    bitstream : file name in the build's folder. flash : that of bitstream and weights together, as
        they lie in the board's flash; None where no weights are loaded.
    link : kind of the link to a host, its baud (of SPI the most bits a second that it takes), and
        bytes of its inbox and outbox; None without one.
    critical_path : the slowest path. versions : of the tools. seconds : by tool.
    logs : file names in the build's folder.
    """

    board: str
    device: str
    lut: int
    ff: int
    bram: int
    spram: int
    dsp: int
    logic_cells: int | None
    used: Mapping[str, tuple[int, int]]
    fmax_mhz: float
    requested_mhz: float
    met: bool
    clock_mhz: float
    constraint_mhz: float
    seed: int
    seeds: tuple[SeedTiming, ...]
    router: str
    bitstream: str
    flash: str | None
    link: Mapping[str, int | str] | None
    critical_path: CriticalPath
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    logs: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For a summary: everything but the segments of the path, which are in ``timing.txt``."""
        path = self.critical_path
        return {
            "board": self.board,
            "device": self.device,
            "lut": self.lut,
            "ff": self.ff,
            "bram": self.bram,
            "spram": self.spram,
            "dsp": self.dsp,
            "logic_cells": self.logic_cells,
            "used": {name: list(figures) for name, figures in self.used.items()},
            "fmax_mhz": self.fmax_mhz,
            "requested_mhz": self.requested_mhz,
            "met": self.met,
            "clock_mhz": self.clock_mhz,
            "constraint_mhz": self.constraint_mhz,
            "seed": self.seed,
            "seeds": [asdict(run) for run in self.seeds],
            "router": self.router,
            "bitstream": self.bitstream,
            "flash": self.flash,
            "link": None if self.link is None else dict(self.link),
            "critical_path": {
                "source": path.source,
                "sink": path.sink,
                "delay_ns": path.delay_ns,
                "logic_ns": path.logic_ns,
                "routing_ns": path.routing_ns,
            },
            "versions": dict(self.versions),
            "seconds": dict(self.seconds),
            "logs": list(self.logs),
        }
