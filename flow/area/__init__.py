"""What a hardware plan takes of a board, without synthesis: exact where it can be, else a model."""

from .calibrate import calibrate
from .estimate import Area, estimate_area, fits

__all__ = ["Area", "calibrate", "estimate_area", "fits"]
