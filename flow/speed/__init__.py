"""How fast golden model and co-simulation are, beside what others would take for the same."""

from .measure import measure_speed
from .table import speed_table

__all__ = ["measure_speed", "speed_table"]
