"""Methods side by side on one network and its data."""

from .metrics import Operations, bit_budget, operations, static_metrics
from .result import Compared, Run
from .run import Comparison, Effort, compare
from .table import compare_table

__all__ = [
    "Compared",
    "Comparison",
    "Effort",
    "Operations",
    "Run",
    "bit_budget",
    "compare",
    "compare_table",
    "operations",
    "static_metrics",
]
