"""A board in the simulator, its serial port a pseudo-terminal."""

from .board import RunningBoard, SimulatedBoard, simulate_board

__all__ = ["RunningBoard", "SimulatedBoard", "simulate_board"]
