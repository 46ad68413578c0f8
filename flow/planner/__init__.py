"""Chooses the hardware for a network and a board, by what plans cost and how long they take."""

from .candidate import Candidate, Planned, front_of
from .goal import Limits, Objective
from .pins import Pins
from .search import plan_hardware

__all__ = ["Candidate", "Limits", "Objective", "Pins", "Planned", "front_of", "plan_hardware"]
