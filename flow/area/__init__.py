"""What a hardware plan takes of a board, without synthesis: exact where it can be, else a model."""

from .check import DesignCheck, check_records
from .estimate import Area, estimate_area, fits
from .recording import calibrate
from .records import calibrated, model_hash

__all__ = [
    "Area",
    "DesignCheck",
    "calibrate",
    "calibrated",
    "check_records",
    "estimate_area",
    "fits",
    "model_hash",
]
