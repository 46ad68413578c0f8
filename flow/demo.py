"""The whole way on the digits that come with scikit-learn, to a bitstream for the iCEBreaker."""

from pathlib import Path

from spikewright.flow.datasets import digits
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.recipes import DIGITS_MLP
from spikewright.flow.whole import Target, whole_way
from spikewright.golden.spec import Mode

__all__ = ["run_demo"]


def run_demo(out: Path, *, seed: int = 0, working: Working = silent) -> Project:
    """Train, convert, evaluate, generate, co-simulate all held-out samples, build."""
    return whole_way(
        out,
        DIGITS_MLP,
        lambda: digits(seed=seed),
        Target(board="icebreaker", lanes=(8, 8), other_modes=(Mode.STEPWISE, Mode.SETTLE)),
        seed=seed,
        working=working,
    )
