"""The commands that go the whole way: ``demo`` and ``bench``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import OUT, show_summary, working

__all__ = ["bench", "demo"]


def demo(
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    seed: Annotated[int, typer.Option(help="Of split and training.")] = 0,
) -> None:
    """Go the whole way on scikit-learn's digits: from training to a bitstream for the iCEBreaker.

    Co-simulates every held-out sample. Takes some minutes and needs no data.

    [bold]Example[/]

      spikewright demo --out build/demo
    """
    from spikewright.flow.demo import run_demo

    project = run_demo(out, seed=seed, working=working)
    show_summary(project.summary)
    OUT.print(f"\nAll of it is in {project.root}", highlight=False, soft_wrap=True)


def bench(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The benchmark: mnist-mlp or mnist-cnn.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of its data, as their IDX files.")],
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Held-out samples to co-simulate in each mode.",
            show_default="all; mnist-cnn: 200",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of training.")] = 0,
) -> None:
    """Go the whole way on a benchmark with 4-bit weights on the ULX3S.

    mnist-mlp is 784-128-10. mnist-cnn has two convolutions of 32 channels,
    each with a maximum of 2x2, and 256 hidden neurons; it takes most of an hour.

    [bold]Example[/]

      spikewright bench mnist-cnn --data mnist --out build/bench/mnist-cnn
    """
    from spikewright.flow.bench import run_bench

    project = run_bench(name, data, out, samples=samples, seed=seed, working=working)
    show_summary(project.summary)
    OUT.print(f"\nAll of it is in {project.root}", highlight=False, soft_wrap=True)
