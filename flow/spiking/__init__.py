"""Spiking networks that are trained here, in the very steps that a NIR graph goes in."""

from .layers import Layer, Output
from .network import RULES, SpikingNetwork

__all__ = ["RULES", "Layer", "Output", "SpikingNetwork"]
