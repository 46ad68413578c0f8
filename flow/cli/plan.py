"""The command ``plan``: chooses the hardware for a board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spikewright.flow.cli.console import OUT, say, working
from spikewright.flow.cli.options import Data, ProjectFolder, integers, named, one_of, pairs
from spikewright.golden.errors import ConfigurationError

if TYPE_CHECKING:
    from spikewright.flow.planner import Pins, Planned
    from spikewright.golden.spec import Network

__all__ = ["plan"]

_Value = TypeVar("_Value")


def plan(
    folder: ProjectFolder,
    board: Annotated[
        str, typer.Option(help="icebreaker, ulx3s-85f, or a file that describes one.")
    ],
    objective: Annotated[
        str, typer.Option(help="latency, throughput, area or memory.")
    ] = "throughput",
    clock: Annotated[
        float | None,
        typer.Option(
            min=1, help="MHz that it must reach.", show_default="what each plan reaches, estimated"
        ),
    ] = None,
    at_most_luts: Annotated[int | None, typer.Option(min=1, help="Lookup tables.")] = None,
    at_most_block_rams: Annotated[int | None, typer.Option(min=1, help="Block RAMs.")] = None,
    at_least_fps: Annotated[float | None, typer.Option(help="Samples a second.")] = None,
    at_most_latency: Annotated[
        float | None, typer.Option(help="Microseconds from a sample's first token to its result.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="stepwise, settle or collapsed.",
            show_default="collapsed or settle, which say the same; else stepwise",
        ),
    ] = None,
    lanes: Annotated[
        str | None, typer.Option(help="As of generate.", show_default="the planner's choice")
    ] = None,
    banks: Annotated[
        str | None, typer.Option(help="Likewise.", show_default="as takes the fewest cycles")
    ] = None,
    sweep_lanes: Annotated[
        int | None, typer.Option(min=1, help="Likewise.", show_default="the planner's choice")
    ] = None,
    spikes: Annotated[
        int | None, typer.Option(min=1, help="Likewise.", show_default="the planner's choice")
    ] = None,
    membranes: Annotated[
        str | None,
        typer.Option(
            help="registers, lutram, block or spram, in all cores.",
            show_default="the planner's choice",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="block, logic or spram, in all cores.", show_default="the planner's choice"
        ),
    ] = None,
    products: Annotated[
        str | None, typer.Option(help="multiplier or serial.", show_default="multiplier")
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
        typer.Option(min=1, help="T of a stepwise run.", show_default="8, or the code's own"),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the plans that no other beats: .png, .svg, .pdf.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan, for generate --plan.")] = None,
) -> None:
    """Choose lanes, spikes a cycle, memories, sharing and partition for a board.

    Cycles come from the network's own activity on a few samples, lookup tables
    and the clock from a model that was fitted to recorded builds. What is given
    of lanes and the rest is kept.

    [bold]Examples[/]

      spikewright plan p --board ulx3s-85f --out plan.json

      spikewright plan p --board icebreaker --objective area --at-least-fps 1000

      spikewright plan p --board ulx3s-85f --clock 100 --spikes 1 --plot front.png
    """
    from spikewright.flow.plan_file import save_plan
    from spikewright.flow.planner import Limits, Objective
    from spikewright.flow.planner.picture import check_plot, draw_front
    from spikewright.flow.planner.stage import plan_stage
    from spikewright.flow.project import Project
    from spikewright.flow.stages import usual_steps

    if plot is not None:
        check_plot(plot)
    project = Project(folder)
    wanted = one_of(Objective, objective, "--objective")
    pins = _pins(
        project.network, mode, lanes, banks, membranes, weights, products, partition, share,
        sweep_lanes=sweep_lanes, spikes=spikes,
    )  # fmt: skip
    limits = Limits(
        luts=at_most_luts,
        block_rams=at_most_block_rams,
        fps=at_least_fps,
        latency_s=None if at_most_latency is None else at_most_latency * 1e-6,
    )
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
    _show(planned)
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
    partition: str | None,
    share: str | None,
    *,
    sweep_lanes: int | None,
    spikes: int | None,
) -> "Pins":
    """What the user has chosen."""
    from spikewright.flow.planner import Pins
    from spikewright.golden.spec import Mode
    from spikewright.hdl.plan import MembraneStore, Products, WeightStore

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
        products=None if products is None else one_of(Products, products, "--products"),
        partition=parts,
        share=groups,
    )


def _show(planned: "Planned") -> None:
    """The plan by core, what limits it, and the plans that no other beats."""
    from rich.table import Table

    chosen = planned.chosen
    cores = Table(box=None, pad_edge=False, title="Plan", title_justify="left")
    for title in ("core", "lanes", "banks", "decide", "spikes", "membranes", "weights", "queues"):
        cores.add_column(title, justify="left" if title in ("core", "banks") else "right")
    for title in ("rows", "sweeps", "busy"):
        cores.add_column(f"{title} a sample", justify="right")
    for core, cost in zip(chosen.plan.cores, chosen.cycles.cores, strict=True):
        names = "+".join(
            host.population
            + ("" if host.channels is None else f"[{host.channels[0]}..{host.channels[1] - 1}]")
            for host in core.hosts
        )
        cores.add_row(
            names, str(core.lanes), f"{core.banks[0]}x{core.banks[1]}",
            str(core.sweep_lanes or "all"), str(core.spikes), str(core.membranes),
            str(core.weights), ",".join(map(str, core.queue_depths)),
            f"{cost.rows:,.1f}", f"{cost.sweeps:,.1f}", f"{cost.busy:,.1f}",
        )  # fmt: skip
    OUT.print(cores)
    say("")
    cycles, area = chosen.cycles, chosen.area
    say(
        f"{chosen.plan.mode}: {cycles.cycles:,.1f} cycles a sample, bound {cycles.bound:,.1f},"
        f" efficiency {cycles.efficiency:.2f}; limited by {planned.limit}"
    )
    say(
        f"estimated: {area.luts:,} LUTs, {area.flip_flops:,} flip-flops, {area.block_rams} block"
        f" RAMs, {area.dsps} DSPs, {chosen.clock_hz / 1e6:.0f} MHz:"
        f" {chosen.frames_per_s:,.0f} samples/s, latency {chosen.latency_s * 1e6:,.2f} us"
    )
    say("")
    front = Table(box=None, pad_edge=False, title="No plan beats these", title_justify="left")
    for title in ("mode", "cycles", "samples/s", "latency us", "LUTs", "block RAMs", "MHz"):
        front.add_column(title, justify="left" if title == "mode" else "right", no_wrap=True)
    for title in ("lanes", "limited by"):
        front.add_column(title, overflow="fold")
    for each in planned.front:
        lanes = " ".join(
            f"{core.lanes}"
            + (f"/{core.sweep_lanes}" if core.sweep_lanes else "")
            + (f"x{core.spikes}" if core.spikes > 1 else "")
            for core in each.plan.cores
        )
        front.add_row(
            str(each.plan.mode), f"{each.cycles.cycles:,.1f}", f"{each.frames_per_s:,.0f}",
            f"{each.latency_s * 1e6:,.2f}", f"{each.area.luts:,}", str(each.area.block_rams),
            f"{each.clock_hz / 1e6:.0f}", lanes, each.cycles.limit,
            style="bold" if each is chosen else None,
        )  # fmt: skip
    OUT.print(front)
    say("lanes: a core each; /n: n neurons decide at a time beside the rows; xn: n spikes a cycle")
