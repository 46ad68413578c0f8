"""The command ``generate``: hardware by choices, by a plan, or like another project's."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, show_summary, working
from spikewright.flow.cli.options import ProjectFolder, integers, one_of, pairs
from spikewright.golden.errors import ConfigurationError

__all__ = ["generate"]


def generate(
    folder: ProjectFolder,
    mode: Annotated[
        str | None,
        typer.Option(
            help="What the hardware runs: stepwise, settle or collapsed.",
            show_default="collapsed, or else the last that the network has",
        ),
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Neurons that a core updates in a cycle, at most: one number, or one for each "
            "population in order, as in 144,16; a pooling of its own is one too.",
            show_default="16",
        ),
    ] = None,
    banks: Annotated[
        str | None,
        typer.Option(
            help="How many rows and columns of neurons those lanes span, as 3x3, at most those "
            "that a population has: once, or once for each. There must be --lanes for them all; "
            "the other factor of lanes is channels.",
            show_default="as takes the fewest cycles",
        ),
    ] = None,
    sweep_lanes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Neurons that decide in a cycle, a power of two, while the next step's rows go "
            "on, where a core has a lane for each neuron: fewer lookup tables, no cycle idle.",
            show_default="all lanes of a group, and rows wait",
        ),
    ] = None,
    spikes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Spikes that a core takes in a cycle, a power of two, where one dense connection "
            "brings them: its weights get as many read ports. More than one needs --sweep-lanes.",
            show_default="1",
        ),
    ] = None,
    sweeps: Annotated[
        str | None,
        typer.Option(
            help="Which neurons are asked at a step's end: all, or touched: the groups that a "
            "spike has reached, where the others would decide nothing (maps in banks).",
            show_default="all",
        ),
    ] = None,
    membranes: Annotated[
        str | None,
        typer.Option(
            help="Where membranes live: registers, lutram, block, or spram: the large RAMs of an "
            "iCE40UP5K, for cores with more than {large_bits} bits of them; a row then takes two "
            "cycles. Cores of up to 4 words keep them in registers where block or spram is asked "
            "for. An iCE40 has no LUT RAM.",
            show_default="registers up to 4 words, LUT RAM up to 64, block RAM beyond",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="How weights lie in rows: dense, or sparse, which leaves out those that are 0, in "
            "the cores where that is cheaper; see spikewright break-even.",
            show_default="dense",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Where weights live: logic, block, or spram: the large RAMs of an iCE40UP5K, for "
            "cores with more than {large_bits} bits of them; an image is written that is loaded "
            "after reset.",
            show_default="logic up to 32 rows, block RAM beyond",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="Where thresholds and the like live that differ between groups of lanes: memory "
            "(logic up to 16 groups), constants (always logic), or registers, which cost a "
            "flip-flop a bit and take them off the way on which neurons decide.",
            show_default="registers with sweep lanes or weights in large RAMs, else memory",
        ),
    ] = None,
    queue_depth: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Tokens that every spike queue holds: fewer take less room, and more cycles.",
            show_default="as many as keep the cores busy",
        ),
    ] = None,
    fanout: Annotated[
        int | None,
        typer.Option(
            help="Pins that a flip-flop (on an ECP5 also a lookup table) reaches at most, "
            "{least_fanout} or more: past these there are several, each near its own. Wires from "
            "block RAM get cycles of their own. For cores of many lanes.",
            show_default="any number",
        ),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(
            help="What multiplies weights by graded payloads: multiplier (DSP blocks where the "
            "device has them), or serial: the lanes' adders, a cycle for each bit that is set.",
            show_default="multiplier",
        ),
    ] = None,
    encoders: Annotated[
        bool,
        typer.Option(
            "--encoders",
            help="Inputs take frames of values; hardware makes their spikes (stepwise).",
        ),
    ] = False,
    guard: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Inputs of events never wait: tokens held for each. Spikes that find no room are "
            "dropped and counted; STEP and END are kept.",
            show_default="they wait",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A plan.json instead of all of these."),
    ] = None,
    loadable: Annotated[
        bool,
        typer.Option(
            "--loadable",
            help="Weights, thresholds, biases and initial states live in memories that are filled "
            "while the hardware runs: with any network of this shape whose numbers fit. See "
            "spikewright load.",
        ),
    ] = False,
    headroom: Annotated[
        int | None,
        typer.Option(
            help="Bits that registers and parameters get beyond those that this network needs, "
            "for others that need more: 0 to {most_headroom}. With --loadable.",
            show_default="1",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="PROJECT",
            help="This network for the bitstream of another project, which was generated with "
            "--loadable: its plan, and an image to load.",
        ),
    ] = None,
    interface: Annotated[
        str,
        typer.Option(
            help="What the block in DIR/generated/MODE/ip is joined to a system by: stream (valid, "
            "ready and payload of each token), axi-stream (AXI4-Stream, with registers on "
            "AXI4-Lite), or wishbone (B4 classic: tokens, too, go through registers)."
        ),
    ] = "stream",
) -> None:
    """Write the Verilog, its plan and its manifest into DIR/generated/MODE, and in its folder ip
    all that another system needs: that Verilog behind an interface, a testbench that
    checks itself with a sample, a FuseSoC core, the registers as text and C header, and
    for wishbone an example for LiteX. docs/ip.md says how to use it.

    A core applies a row of weights a cycle. For a convolution of 3x3, 9 lanes in
    banks of 3x3 update all taps of a spike at once; 144 do so for 16 channels.

    plan.json of a generated folder is a plan to start from. Its cores have
    "hosts": several populations share a core that lists them all, and one is split
    over cores that give "channels" [first, last). "queue_depths" may be left out.

    [bold]Examples[/]

      spikewright generate p --mode settle --lanes 16,4

      spikewright generate p --lanes 144,72,10 --banks 3x3

      spikewright generate p --lanes 4 --membranes block   # for the iCEBreaker

      spikewright generate p --lanes 16,10 --rows sparse
      spikewright generate p --lanes 16,2 --membranes block --weights spram
      spikewright generate p --lanes 4 --membranes spram   # large maps

      spikewright generate p --plan plan.json

      spikewright generate p --lanes 16 --sweep-lanes 4 --loadable
      spikewright generate q --like p   # then: spikewright load q --port PORT

      spikewright generate p --interface wishbone
    """
    from spikewright.flow.chosen_plan import check_taken, plan_like, plan_of_file, usual_mode
    from spikewright.flow.ip import Interface
    from spikewright.flow.plan import default_plan
    from spikewright.flow.project import Project
    from spikewright.flow.stages import generate_stage
    from spikewright.golden.spec import Mode
    from spikewright.hdl.make_envelope import with_envelope
    from spikewright.hdl.plan import (
        MembraneStore,
        ParameterStore,
        Products,
        Rows,
        Sweeps,
        WeightStore,
    )

    given = {
        "--mode": mode,
        "--lanes": lanes,
        "--banks": banks,
        "--sweep-lanes": sweep_lanes,
        "--spikes": spikes,
        "--sweeps": sweeps,
        "--membranes": membranes,
        "--rows": rows,
        "--weights": weights,
        "--parameters": parameters,
        "--queue-depth": queue_depth,
        "--fanout": fanout,
        "--products": products,
        "--guard": guard,
    }
    beside = [name for name, value in given.items() if value is not None]
    beside += ["--encoders"] * encoders
    if plan is not None and beside:
        raise ConfigurationError(
            "--plan says all of it and must be given alone", found=", ".join(beside)
        )
    beside += ["--plan"] * (plan is not None) + ["--loadable"] * loadable
    beside += ["--headroom"] * (headroom is not None)
    if like is not None and beside:
        raise ConfigurationError(
            "--like says all of it and must be given alone", found=", ".join(beside)
        )
    if headroom is not None and not loadable:
        raise ConfigurationError(
            "headroom must come with --loadable", found="none", where="--headroom"
        )
    if (spikes or 1) > 1 and sweep_lanes is None:
        raise ConfigurationError(
            "several spikes a cycle must come with --sweep-lanes",
            found="none",
            where="--spikes",
            action="give --sweep-lanes N, or let it take one spike a cycle",
        )
    joined_by = one_of(Interface, interface, "--interface")
    project = Project(folder)
    network = project.network
    from_file = None
    if like is not None:
        from_file = plan_like(network, like)
    elif plan is not None:
        from_file = plan_of_file(network, plan)
    if from_file is not None:
        if loadable:
            from_file = with_envelope(network, from_file, headroom=headroom)
        generate_stage(project, from_file, interface=joined_by, working=working)
        show_summary(project.summary, "network", "hardware")
        if like is not None:
            say(f"For the bitstream of {like}: spikewright load {folder} --port PORT")
        return
    asked_sweeps = one_of(Sweeps, sweeps or Sweeps.ALL, "--sweeps")
    chosen = default_plan(
        network,
        usual_mode(network) if mode is None else one_of(Mode, mode, "--mode"),
        lanes=None if lanes is None else integers(lanes, "--lanes"),
        banks=None if banks is None else pairs(banks, "--banks"),
        sweep_lanes=sweep_lanes,
        spikes=spikes or 1,
        sweeps=asked_sweeps,
        membranes=None if membranes is None else one_of(MembraneStore, membranes, "--membranes"),
        rows=one_of(Rows, rows or Rows.DENSE, "--rows"),
        weights=None if weights is None else one_of(WeightStore, weights, "--weights"),
        parameters=None
        if parameters is None
        else one_of(ParameterStore, parameters, "--parameters"),
        queue_depth=queue_depth,
        fanout=fanout,
        products=one_of(Products, products or Products.MULTIPLIER, "--products"),
        encoders=encoders,
        guard=guard,
    )
    check_taken(network, chosen, sweep_lanes, asked_sweeps)
    if loadable:
        chosen = with_envelope(network, chosen, headroom=headroom)
    generate_stage(project, chosen, interface=joined_by, working=working)
    show_summary(project.summary, "network", "hardware")
