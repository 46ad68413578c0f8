"""Which core a configuration asks for."""

from .config import CoreConfig
from .core import Core
from .overlapped import OverlappedCore

__all__ = ["make_core"]


def make_core(config: CoreConfig) -> Core | OverlappedCore:
    """A core whose neurons decide slice by slice, where its plan says so; else group by group."""
    return OverlappedCore(config=config) if config.overlaps else Core(config=config)
