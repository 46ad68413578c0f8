"""Records of boards, of figures that nobody has measured."""

from spikewright.boards import get_board
from spikewright.flow.routed import Linked, Routed

__all__ = ["linked", "routed"]


def linked(kind="uart", network="abc", name="digits-mlp", **changes):
    figures = {
        "bits_per_s": 3_000_000, "clock_mhz": 24.0, "samples": 50, "sample_bytes": (80.0, 57.0),
        "line_per_s": 3750.0, "accelerator_per_s": 1000.0, "simulated_per_s": 990.0,
        "measured": {"date": "2026-01-01", "cores": 2, "processor": "x", "memory_gib": 4.0},
        "versions": {"verilator": "5"},
    }  # fmt: skip
    return Linked(name=name, network=network, kind=kind, **(figures | changes))


def routed(name, network="abc", **changes):
    board = get_board(name)
    figures = {
        "lanes": 4, "refused": "", "fmax_mhz": 50.0, "clock_mhz": 24.0, "lut": 9, "ff": 9,
        "bram": 1, "spram": 0, "dsp": 0, "used": {"LC": (9, 10)}, "seed": 1, "versions": {},
        "measured": linked().measured,
    }  # fmt: skip
    return Routed(device=board.device, network=network, **(figures | changes))
