"""The whole way: make a recipe's network, and take it to a bitstream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spikewright.boards import get_board
from spikewright.flow.build_stage import build_stage
from spikewright.flow.datasets import Dataset
from spikewright.flow.estimate_stage import estimate_stage
from spikewright.flow.machine import measured
from spikewright.flow.performance import golden_speed
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import Working
from spikewright.flow.project import Project, check_output
from spikewright.flow.sequences import encode_samples
from spikewright.flow.stages import (
    cosim_stage,
    evaluate_stage,
    generate_stage,
    usual_steps,
)
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, ParameterStore, Rows, WeightStore

__all__ = ["Maker", "Target", "whole_way"]

Lanes = int | tuple[int, ...] | Mapping[str, int]


class Maker(Protocol):
    """What trains a network and makes it integers: a recipe of either kind."""

    @property
    def name(self) -> str:
        """Of the network."""

    def project(self, out: Path, data: Dataset, *, seed: int, working: Working) -> Project:
        """Train on ``data`` and convert, into a new project that keeps the held-out samples."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is made of a recipe's network.

    Parameters
    ----------
    board : the board of the bitstream. clock_mhz : the clock asked for; None is the board's.
    lanes : the most lanes of each population's core, for all, in order or by name.
    sweep_lanes, spikes, fanout, membranes, rows, weights, parameters, queue_depth : as
        ``default_plan``, of the hardware of the bitstream; ``membranes`` None is block RAM where
        a board has no LUT RAM.
    seeds : of place and route; the median is quoted.
    samples : held-out samples to co-simulate; None is all.
    mode : how the hardware of the bitstream runs.
    other_modes : modes that are co-simulated too.
    other_lanes : lanes of their hardware; None is the same.
    steps : the T of a stepwise co-simulation; events and codes of one spike have their own.
    """

    board: str
    clock_mhz: float | None = None
    lanes: Lanes
    sweep_lanes: int | None = None
    spikes: int = 1
    fanout: int | None = None
    membranes: MembraneStore | None = None
    rows: Rows = Rows.DENSE
    weights: WeightStore | None = None
    parameters: ParameterStore | None = None
    queue_depth: int | None = None
    seeds: tuple[int, ...] = (1,)
    samples: int | None = None
    mode: Mode = Mode.COLLAPSED
    other_modes: tuple[Mode, ...] = ()
    other_lanes: Lanes | None = None
    steps: int = 8


def whole_way(
    out: Path,
    recipe: Maker,
    dataset: Callable[[], Dataset],
    target: Target,
    *,
    seed: int,
    working: Working,
) -> Project:
    """Go from data to a bitstream in the project folder ``out``; every stage is recorded."""
    check_output(out)
    project = recipe.project(out, dataset(), seed=seed, working=working)
    held_out = project.samples
    shown = usual_steps(project.network, (1, 2, 4, 8, 16))
    evaluate_stage(project, held_out, steps=shown, working=working)
    (steps,) = usual_steps(project.network, (target.steps,))
    values = encode_samples(project.network, held_out.x)
    project.record({"golden": golden_speed(project.network, values, steps)})
    membranes = None if get_board(target.board).lut_ram else MembraneStore.BLOCK
    # The main mode comes last, so that what the project names as its hardware is what is built.
    for mode in (*target.other_modes, target.mode):
        main = mode is target.mode
        plan = default_plan(
            project.network,
            mode,
            lanes=target.lanes if main or target.other_lanes is None else target.other_lanes,
            sweep_lanes=target.sweep_lanes if main else None,
            spikes=target.spikes if main else 1,
            fanout=target.fanout if main else None,
            membranes=target.membranes or membranes if main else membranes,
            rows=target.rows if main else Rows.DENSE,
            weights=target.weights if main else None,
            parameters=target.parameters if main else None,
            queue_depth=target.queue_depth if main else None,
        )
        generate_stage(project, plan, working=working)
        simulated = held_out.first(target.samples)
        cosim_stage(project, mode, simulated, steps=steps, working=working)
        estimate_stage(project, mode, simulated, working=working)
    build_stage(
        project,
        target.mode,
        target.board,
        clock_mhz=target.clock_mhz,
        seeds=target.seeds,
        steps=steps,
        working=working,
    )
    project.record({"measured": measured()})
    return project
