"""A plan that was chosen, as tables."""

from rich.table import Table

from spikewright.flow.cli.console import OUT, say
from spikewright.flow.planner import Planned
from spikewright.hdl.plan import Rows, Sweeps

__all__ = ["show_plan"]


def show_plan(planned: Planned) -> None:
    """The plan by core, what limits it, and the plans that no other beats."""
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
            str(core.sweep_lanes or core.sweeps), str(core.spikes), str(core.membranes),
            str(core.weights) + (", sparse" if core.rows is Rows.SPARSE else ""),
            ",".join(map(str, core.queue_depths)),
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
            + ("s" if core.rows is Rows.SPARSE else "")
            + ("t" if core.sweeps is Sweeps.TOUCHED else "")
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
    say("s: sparse rows; t: sweeps of what was touched")
