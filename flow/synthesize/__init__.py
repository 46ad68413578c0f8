"""From a network and a hardware plan to a bitstream, with the open tools."""

from .build import synthesize
from .device import BITSTREAM, BUILD
from .fit import MemoryUse, check_fits, memory_use
from .report import BuildReport, CriticalPath, PathSegment
from .sample import StoredSample, memories_of, stored_sample
from .top import make_top

__all__ = [
    "BITSTREAM",
    "BUILD",
    "BuildReport",
    "CriticalPath",
    "MemoryUse",
    "PathSegment",
    "StoredSample",
    "check_fits",
    "make_top",
    "memories_of",
    "memory_use",
    "stored_sample",
    "synthesize",
]
