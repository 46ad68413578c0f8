"""Quantised recurrent networks, which settle once for each frame of a sequence."""

from .config import Form, Layer, RecurrentConfig, Rotations
from .module import RecurrentNetwork
from .reference import RecurrentReference

__all__ = [
    "Form",
    "Layer",
    "RecurrentConfig",
    "RecurrentNetwork",
    "RecurrentReference",
    "Rotations",
]
