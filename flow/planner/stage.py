"""Plans for a project's network, from traces of its own samples."""

import math
from collections.abc import Sequence

from spikewright.boards import get_board
from spikewright.flow.cycles import Activity, activity
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Encoding, Mode, Network

from .candidate import Planned
from .goal import Limits, Objective
from .pins import Pins
from .search import plan_hardware

__all__ = ["modes_alike", "plan_stage"]

_LIKELY = 80.0  # plans that a search of a mode looks at, for the progress


def modes_alike(network: Network) -> tuple[Mode, ...]:
    """Modes that the planner may choose among: those that say what the quantised network does."""
    exact = tuple(mode for mode in (Mode.COLLAPSED, Mode.SETTLE) if mode in network.modes)
    return exact or network.modes[-1:]


def plan_stage(
    project: Project,
    samples: Samples,
    board: str,
    *,
    objective: Objective,
    clock_hz: float | None = None,
    pins: Pins | None = None,
    limits: Limits | None = None,
    steps: int = 8,
    working: Working = silent,
) -> Planned:
    """The plan for a board; frames of a sequence count as samples that each begin anew.

    Parameters
    ----------
    samples : whose activity counts. steps : T of a stepwise run. The others as of
        ``plan_hardware``.

    Raises
    ------
    ConfigurationError
        If the clock is not above 0 and finite, a choice is not legal, or no plan keeps to all.
    """
    if clock_hz is not None and not 0 < clock_hz < math.inf:
        raise ConfigurationError(
            "must be above 0 and finite", found=f"{clock_hz}", where="clock_hz"
        )
    network, found, pins = project.network, get_board(board), pins or Pins()
    modes = modes_alike(network) if pins.mode is None else (pins.mode,)
    if modes[0] not in network.modes:
        raise ConfigurationError(
            f"the mode must be one of {', '.join(network.modes)}", found=str(modes[0])
        )
    with working("trace") as advance:
        traces = _traces(network, samples, modes, steps)
        advance(1.0)
    with working(f"plan for {board}") as advance:
        return plan_hardware(
            network,
            found,
            traces,
            objective=objective,
            clock_hz=clock_hz,
            pins=pins,
            limits=limits,
            progress=lambda seen, note: advance(
                1 - 2 ** (-2 * seen / (_LIKELY * len(modes))), f"{seen} plans, the last: {note}"
            ),
        )


def _traces(
    network: Network, samples: Samples, modes: Sequence[Mode], steps: int
) -> list[Activity]:
    values, _ = unrolled(network, encode_samples(network, samples.x))
    events = network.inputs[0].encoding is Encoding.EVENTS
    return [
        activity(
            network, mode, values, steps=steps if mode is Mode.STEPWISE and not events else None
        )
        for mode in modes
    ]
