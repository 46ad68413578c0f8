"""From a network and a hardware plan to a bitstream, with the open tools."""

import re
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from .build import synthesize
from .device import BITSTREAM, BUILD
from .fit import MemoryUse, check_fits, memory_use
from .report import BuildReport, CriticalPath, PathSegment
from .sample import StoredSample, memories_of, stored_sample
from .top import make_top

# A design is also made only to be asked where its flash is, or what its clock makes of it.
warnings.filterwarnings(
    "ignore", category=UnusedElaboratable, module=re.escape(str(Path(__file__).parent))
)

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
