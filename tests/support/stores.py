"""Stores of membranes by what they can do."""

from spikewright.hdl.plan import MembraneStore

__all__ = ["TWO_PORTS"]

TWO_PORTS = [store for store in MembraneStore if store.interval == 1]
"""Those that read and write in the same cycle."""
