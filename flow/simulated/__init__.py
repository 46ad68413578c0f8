"""A board in the simulator, its serial port a pseudo-terminal."""

from .board import SimulatedBoard, simulate_board

__all__ = ["SimulatedBoard", "simulate_board"]
