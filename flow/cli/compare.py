"""``spikewright compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.flow.cli.console import OUT, say, working
from spikewright.flow.cli.options import integers, named

if TYPE_CHECKING:
    from spikewright.flow.compare import Compared
    from spikewright.flow.importers import Graph
    from spikewright.flow.samples import Samples

__all__ = ["compare"]

HELD_OUT = 5  # every fifth sample, where there is one file for everything
LEAST = 10
LEFT_OUT = ("of dense", "bit ops", "footprint, B")  # they are in the file; a line has 80 characters


def compare(
    source: Annotated[
        str,
        typer.Argument(
            help="The trained network: FILE.py:FUNCTION, called without arguments; or a project."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the results; one that is there already goes on.")
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="npz with x [N, ...] and labels y: accuracy is measured on it. Without "
            "--calibrate every fifth sample is held out, and the others calibrate and train."
        ),
    ],
    calibrate: Annotated[
        Path | None,
        typer.Option(help="npz with x and labels y, to calibrate and train on."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="safetensors, or a torch checkpoint (read with weights_only)."),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="all, or names as spikewright convert takes, such as rate,qcfs.")
    ] = "all",
    steps: Annotated[
        str, typer.Option(help="T of stepwise runs; methods of their own T have that.")
    ] = "1,2,4,8,16,32",
    weight_bits: Annotated[int, typer.Option(help="Bits of a weight, 2 to 8.")] = 4,
    input_levels: Annotated[
        int, typer.Option(help="Largest level of an input; 1 makes inputs binary.")
    ] = 15,
    levels: Annotated[
        str | None,
        typer.Option(
            help="Of hidden neurons, as in qcfs=16,st-bif=7.", show_default="those of each method"
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=0, help="Of training, for each method that trains.")
    ] = 10,
    tune_epochs: Annotated[
        int, typer.Option(min=0, help="Of tuning with spikes, for each method that tunes.")
    ] = 5,
    batch: Annotated[int, typer.Option(min=2, help="Of both.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Of both.")] = 2e-3,
    board: Annotated[
        str, typer.Option(help="Of whose hardware cycles and memory are told.")
    ] = "ulx3s-85f",
    lanes: Annotated[int, typer.Option(min=1, help="Of every core of that hardware.")] = 16,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            help="Points of accuracy below its best that a method's run may lie which is shown: "
            "the one of the fewest synaptic operations.",
        ),
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Of training.")] = 0,
) -> None:
    """Convert a network by every method, and show what each reaches and costs.

    All methods get the same network, data, weight bits and epochs, and the same
    hardware: lanes in each core. Accuracy is that of the integer network, which the
    Verilog equals; cycles are worked out from its spikes; LUTs, RAMs and clock are
    estimates. Names of metrics are NeuroBench's.

    In OUT: comparison.png (accuracy against T, synaptic operations and cycles),
    comparison.csv, and for each method a folder with result.json and
    network.safetensors. The same command goes on where it was interrupted.

    [bold]Examples[/]

      spikewright compare network.py:make --weights w.pt --data x.npz --out c

      spikewright compare p --data test.npz --calibrate train.npz --out c
        --methods rate,qcfs,st-bif --epochs 20 --steps 2,4,8
    """
    from spikewright.flow.compare import Comparison, Effort
    from spikewright.flow.compare import compare as compared
    from spikewright.flow.compare.report import write_report
    from spikewright.flow.convert import METHODS, ConvertConfig, TrainConfig
    from spikewright.flow.samples import load_samples
    from spikewright.golden.errors import ConfigurationError, UnsupportedError

    held_out = load_samples(data)
    train = None if calibrate is None else load_samples(calibrate)
    graph = _graph(source, weights, tuple(held_out.x.shape[1:]))
    if train is None:
        held_out.labels(graph.readout.shape[0])  # by their places in the file
        train, held_out = _split(held_out)
    effort = Effort(
        training=TrainConfig(epochs=epochs, batch=batch, learning_rate=learning_rate)
        if epochs
        else None,
        tuning=TrainConfig(epochs=tune_epochs, batch=batch, learning_rate=learning_rate)
        if tune_epochs
        else None,
        seed=seed,
    )
    chosen = METHODS if methods == "all" else [name.strip() for name in methods.split(",")]
    if len(train) < batch and (epochs or tune_epochs):
        raise ConfigurationError(
            f"there must be at least a batch of samples to train on, {batch}",
            found=str(len(train)),
            where=train.source,
            action="give more, or a smaller --batch, or --epochs 0 --tune-epochs 0",
        )
    comparison = Comparison(
        graph=graph,
        train=train,
        held_out=held_out,
        config=ConvertConfig(weight_bits=weight_bits, input_levels=input_levels),
        effort=effort,
        steps=integers(steps, "--steps"),
        levels={} if levels is None else named(levels, "--levels"),
        board=board,
        lanes=lanes,
        tolerance=tolerance / 100,
    )
    found = compared(comparison, out, tuple(dict.fromkeys(chosen)), working=working)
    write_report(found, out)
    _show(found, board)
    say(f"\nAll of it is in {out}")
    if not any(each.runs for each in found):
        raise UnsupportedError(
            "a network and its data must suit one of the methods at least",
            found=f"{len(found)} refused",
            where=source,
        )


def _split(data: "Samples") -> "tuple[Samples, Samples]":
    """Samples to train on, and every fifth, held out."""
    from dataclasses import replace

    import torch

    from spikewright.golden.errors import ConfigurationError

    if len(data) < LEAST:
        raise ConfigurationError(
            f"there must be at least {LEAST} samples to hold some out",
            found=str(len(data)),
            where=data.source,
            action="give more, or others with --calibrate",
        )
    out = torch.arange(len(data)) % HELD_OUT == HELD_OUT - 1

    def part(which: torch.Tensor) -> "Samples":
        return replace(data, x=data.x[which], y=None if data.y is None else data.y[which])

    return part(~out), part(out)


def _graph(source: str, weights: Path | None, shape: tuple[int, ...]) -> "Graph":
    """The network in floating point."""
    from spikewright.flow.importers import import_module, load_module
    from spikewright.flow.original import Original
    from spikewright.flow.project import Project
    from spikewright.golden.errors import UnsupportedError

    if not Path(source).is_dir():
        return import_module(load_module(source, weights), shape)
    original = Project(Path(source)).original
    if not isinstance(original, Original):
        raise UnsupportedError(
            "a comparison must have a network of a torch module, without spikes or recurrence",
            found=type(original).__name__,
            where=source,
        )
    return original.graph


def _show(found: "list[Compared]", board: str) -> None:
    from rich.table import Table

    from spikewright.flow.compare.table import COLUMNS, compare_table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    shown = [k for k, title in enumerate(COLUMNS) if title not in LEFT_OUT]
    for k in shown:
        left = COLUMNS[k] in ("method", "run")
        table.add_column(
            COLUMNS[k].replace(" ", "\n"), justify="left" if left else "right", no_wrap=k != 1
        )
    ran = [each for each in found if each.runs]
    for row in compare_table(ran):
        table.add_row(*(row[k] for k in shown))
    if ran:
        OUT.print(table)
    for each in found:
        if each.refused is not None:
            say(f"{each.method} was refused: {each.refused}")
    if ran:
        say(
            f"\nIn floating point: {100 * (ran[0].float_accuracy or 0):.2f} %. "
            f"Cycles, LUTs and block RAMs on {board}; ! does not fit."
        )
