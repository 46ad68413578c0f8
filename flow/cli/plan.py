"""The command ``plan``: chooses the hardware for a board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spikewright.flow.cli.console import say, working
from spikewright.flow.cli.options import (
    Data,
    ProjectFolder,
    above_zero,
    check_steps,
    integers,
    named,
    one_of,
    pairs,
)
from spikewright.golden.errors import ConfigurationError

if TYPE_CHECKING:
    from spikewright.flow.planner import Pins
    from spikewright.golden.spec import Network

__all__ = ["plan"]

_Value = TypeVar("_Value")


def plan(
    folder: ProjectFolder,
    board: Annotated[
        str, typer.Option(help="As spikewright boards names it, or a file that describes one.")
    ],
    objective: Annotated[
        str, typer.Option(help="What is to be best: latency, throughput, area or memory.")
    ] = "throughput",
    clock: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="MHz to run at: what a plan reaches by its estimate, or by the estimate's spread.",
            show_default="what each plan reaches, estimated",
        ),
    ] = None,
    at_most_luts: Annotated[
        int | None, typer.Option(min=1, help="Lookup tables of the plan, at most.")
    ] = None,
    at_most_block_rams: Annotated[
        int | None, typer.Option(min=1, help="Block RAMs of the plan, at most.")
    ] = None,
    at_least_fps: Annotated[float | None, typer.Option(help="Samples a second, at least.")] = None,
    at_most_latency: Annotated[
        float | None,
        typer.Option(help="Microseconds from a sample's first token to its result, at most."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="How the hardware runs: stepwise, settle or collapsed.",
            show_default="collapsed or settle, which say the same; else stepwise",
        ),
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Neurons that a core updates in a cycle, at most: one number, or one for each "
            "population in order, as in 144,16; a pooling of its own is one too.",
            show_default="the planner's choice",
        ),
    ] = None,
    banks: Annotated[
        str | None,
        typer.Option(
            help="Rows and columns of neurons that a core's lanes span, as 3x3, at most those that "
            "a population has: once, or once for each. Lanes that are given must be enough.",
            show_default="as takes the fewest cycles",
        ),
    ] = None,
    sweep_lanes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Neurons that decide in a cycle while the next step's rows go on, a power of two, "
            "in cores with a lane for each neuron.",
            show_default="the planner's choice",
        ),
    ] = None,
    spikes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Spikes that a core with a lane for each neuron takes in a cycle, a power of two.",
            show_default="the planner's choice",
        ),
    ] = None,
    membranes: Annotated[
        str | None,
        typer.Option(
            help="Where membranes live: registers, lutram or block, in all cores; or spram (large "
            "RAMs), in those that are worth one.",
            show_default="the planner's choice",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Where weights live, in all cores: logic, block, or spram (large RAMs).",
            show_default="the planner's choice",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="Where neurons' constants live, in all cores: memory, constants (always logic) or "
            "registers.",
            show_default="registers with sweep lanes or weights in large RAMs, else memory",
        ),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(
            help="What multiplies weights by graded payloads: multiplier, or serial, the lanes' "
            "adders in several cycles.",
            show_default="multiplier",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="How weights lie in rows: dense, or sparse, without those that are 0, in all "
            "cores where that is cheaper; there must be one.",
            show_default="the planner's choice",
        ),
    ] = None,
    sweeps: Annotated[
        str | None,
        typer.Option(
            help="Which neurons are asked at a step's end: all, or touched, those that a spike "
            "has reached, in all cores of maps that rest without spikes.",
            show_default="the planner's choice",
        ),
    ] = None,
    queue_depth: Annotated[
        int | None,
        typer.Option(
            min=2, help="Tokens that every queue holds.", show_default="the planner's choice"
        ),
    ] = None,
    fanout: Annotated[
        int | None,
        typer.Option(
            help="Pins that a flip-flop reaches at most, {least_fanout} or more; what copies of it "
            "take, and what clock they gain, is not estimated.",
            show_default="any number",
        ),
    ] = None,
    partition: Annotated[
        str | None,
        typer.Option(
            help="Cores that populations are split over, as hidden=2,classes=4; none for one each.",
            show_default="the planner's choice",
        ),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            help="Populations that one core hosts, as a+b,c+d; none for a core each.",
            show_default="the planner's choice",
        ),
    ] = None,
    data: Data = None,
    samples: Annotated[
        int, typer.Option(min=2, help="How many of them say how busy the network is.")
    ] = 8,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="T, of a stepwise run only.",
            show_default="8, or the code's own",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the plans that no other beats: .png, .svg, .pdf.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan, for generate --plan.")] = None,
) -> None:
    """Choose lanes, spikes a cycle, rows, sweeps, memories, queues, sharing and partition for a
    board.

    Cycles come from the network's own activity on a few samples, lookup tables
    and the clock from a model that was fitted to recorded builds. What is given
    of lanes and the rest is kept.

    [bold]Examples[/]

      spikewright plan p --board ulx3s-85f --out plan.json

      spikewright plan p --board icebreaker --objective area --at-least-fps 1000

      spikewright plan p --board ulx3s-85f --clock 100 --spikes 1 --plot front.png
    """
    from spikewright.flow.cli.plan_shown import show_plan
    from spikewright.flow.files import check_file
    from spikewright.flow.plan_file import save_plan
    from spikewright.flow.planner import Limits, Objective
    from spikewright.flow.planner.picture import draw_front
    from spikewright.flow.planner.stage import modes_alike, plan_stage
    from spikewright.flow.plot_file import check_plot
    from spikewright.flow.project import Project
    from spikewright.flow.stages import usual_steps

    if plot is not None:
        check_plot(plot)
    if out is not None:
        check_file(out)
    latency_us = above_zero(at_most_latency, "--at-most-latency")
    limits = Limits(
        luts=at_most_luts,
        block_rams=at_most_block_rams,
        fps=above_zero(at_least_fps, "--at-least-fps"),
        latency_s=None if latency_us is None else latency_us * 1e-6,
    )
    project = Project(folder)
    wanted = one_of(Objective, objective, "--objective")
    pins = _pins(
        project.network, mode, lanes, banks, membranes, weights, products, rows, sweeps, partition,
        share, sweep_lanes=sweep_lanes, spikes=spikes, queue_depth=queue_depth, fanout=fanout,
        parameters=parameters,
    )  # fmt: skip
    modes = modes_alike(project.network) if pins.mode is None else (pins.mode,)
    check_steps(project.network, steps, modes)
    planned = plan_stage(
        project,
        project.load(data).spread(samples),
        board,
        objective=wanted,
        clock_hz=None if clock is None else clock * 1e6,
        pins=pins,
        limits=limits,
        steps=steps or usual_steps(project.network, (8,))[0],
        working=working,
    )
    show_plan(planned)
    if plot is not None:
        draw_front(planned, plot, title=f"{project.network.name} on {board}")
        say(f"Drawn: {plot}")
    if out is not None:
        save_plan(planned.plan, out)
        say(f"Written: {out}")


def _pins(
    network: "Network",
    mode: str | None,
    lanes: str | None,
    banks: str | None,
    membranes: str | None,
    weights: str | None,
    products: str | None,
    rows: str | None,
    sweeps: str | None,
    partition: str | None,
    share: str | None,
    *,
    sweep_lanes: int | None,
    spikes: int | None,
    queue_depth: int | None,
    fanout: int | None,
    parameters: str | None,
) -> "Pins":
    """What the user has chosen."""
    from spikewright.flow.planner import Pins
    from spikewright.golden.spec import Mode
    from spikewright.hdl.plan import (
        MembraneStore,
        ParameterStore,
        Products,
        Rows,
        Sweeps,
        WeightStore,
    )

    names = [population.name for population in network.order()]

    def each(values: tuple[_Value, ...] | None, where: str) -> dict[str, _Value]:
        if values is None:
            return {}
        if len(values) not in (1, len(names)):
            raise ConfigurationError(
                f"must be one, or one for each of {', '.join(names)}",
                found=str(len(values)),
                where=where,
            )
        return dict(zip(names, values * len(names), strict=False))

    parts: dict[str, int] | None = None
    if partition is not None:
        parts = {} if partition == "none" else named(partition, "--partition")
    groups: tuple[tuple[str, ...], ...] | None = None
    if share is not None:
        groups = () if share == "none" else tuple(tuple(g.split("+")) for g in share.split(","))
    return Pins(
        mode=None if mode is None else one_of(Mode, mode, "--mode"),
        lanes=each(None if lanes is None else integers(lanes, "--lanes"), "--lanes"),
        banks=each(None if banks is None else pairs(banks, "--banks"), "--banks"),
        sweep_lanes=sweep_lanes,
        spikes=spikes,
        membranes=None if membranes is None else one_of(MembraneStore, membranes, "--membranes"),
        weights=None if weights is None else one_of(WeightStore, weights, "--weights"),
        parameters=None
        if parameters is None
        else one_of(ParameterStore, parameters, "--parameters"),
        products=None if products is None else one_of(Products, products, "--products"),
        rows=None if rows is None else one_of(Rows, rows, "--rows"),
        sweeps=None if sweeps is None else one_of(Sweeps, sweeps, "--sweeps"),
        queue_depth=queue_depth,
        fanout=fanout,
        partition=parts,
        share=groups,
    )
