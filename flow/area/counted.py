"""What is counted of a part of a design."""

from collections.abc import Mapping

__all__ = ["Features"]

Features = Mapping[str, float]
"""How many there are, by name."""
