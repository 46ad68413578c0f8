"""The fair targets of the methods' papers on a small machine, each reached or missed."""

from .row import Context, Finding, Row
from .run import ROWS, study

__all__ = ["ROWS", "Context", "Finding", "Row", "study"]
