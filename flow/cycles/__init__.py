"""Cycles of a plan, from golden traces alone."""

from .estimate import Activity, CoreCycles, CycleEstimate, activity, estimate_cycles

__all__ = ["Activity", "CoreCycles", "CycleEstimate", "activity", "estimate_cycles"]
