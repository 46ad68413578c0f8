"""Cycles of a plan, from golden traces alone."""

import re
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from .estimate import Activity, CoreCycles, CycleEstimate, activity, estimate_cycles

__all__ = ["Activity", "CoreCycles", "CycleEstimate", "activity", "estimate_cycles"]

# An accelerator is asked for its numbers here, and not built.
warnings.filterwarnings(
    "ignore", category=UnusedElaboratable, module=re.escape(str(Path(__file__).parent))
)
