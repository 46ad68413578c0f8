"""Quantised recurrent networks, which settle once for each frame of a sequence."""

from .module import RecurrentConfig, RecurrentNetwork
from .reference import RecurrentReference

__all__ = ["RecurrentConfig", "RecurrentNetwork", "RecurrentReference"]
