"""The commands that go the whole way: ``demo`` and ``bench``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, show_summary, working

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
    say(f"\nAll of it is in {project.root}")


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The benchmark, as below.")],
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data: of MNIST, its four IDX files under their usual names; of "
            "spoken-*, fsdd.npz.",
            show_default="needed by mnist-* and spoken-* only",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Held-out samples to co-simulate in each mode.",
            show_default="all of mnist-mlp and the digits-*; mnist-rnn, mnist-rnn-delta, "
            "mnist-rows, mnist-l2mu, mnist-lmu: 50; mnist-sequential, mnist-permuted, "
            "mnist-pixels-14: 4; spoken-*: 30; mnist-best: 100; mnist-mlp-up5k, mnist-sparse, "
            "mnist-cnn: 500; else 200",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of training.")] = 0,
) -> None:
    """Go the whole way on a benchmark: from training to a bitstream.

    Weights have 4 bits where nothing else is said. Place and route runs with three
    seeds; the median is quoted. Where a benchmark has goals, it says which are met.

    mnist-mlp, ULX3S: 784-128-10, two spikes a cycle.

    mnist-mlp-up5k, iCEBreaker: the same network, its weights in the large RAMs.

    mnist-onehot-1, ULX3S: the same in one step, at most one spike a hidden neuron.

    mnist-onehot-2, ULX3S: the same, a spike is worth 1 or 2.

    mnist-onehot-3, ULX3S: the same, a spike is worth 1, 2 or 4.

    mnist-first-spike, ULX3S: the same, at most one spike, whose time is the value.

    mnist-sparse, ULX3S: the network of mnist-mlp with a fifth of its first layer's
    weights, in sparse rows.

    mnist-cnn, ULX3S: two convolutions with means, 256 hidden neurons; half an hour.

    mnist-best, ULX3S: four convolutions, 128 hidden neurons, pixels of 4 bits; half an hour.

    mnist-rnn, ULX3S: a quantised recurrent network of 128 neurons sees a row of
    pixels a frame; weights of 6 bits.

    mnist-rnn-delta, ULX3S: the same network, which is sent what changes from frame to frame.

    mnist-sequential, ULX3S: a pixel a frame, 784 of them, into a memory of 226 neurons and
    two layers; weights of 8 bits.

    mnist-permuted, ULX3S: the same with the pixels in a permuted order, and 256 neurons.

    mnist-pixels-14, ULX3S: the same with images of 14x14, and 170 neurons.

    mnist-rows, ULX3S: 128 recurrent LIF neurons see a row of pixels a step.

    mnist-l2mu, ULX3S: a Legendre memory unit of LIF neurons sees a row of pixels a step;
    weights of 6 bits, of the memory 8.

    mnist-lmu, ULX3S: the same with linear memories of levels, one for each column.

    spoken-digits, iCEBreaker: 64 recurrent LIF neurons hear 24 channels; weights of 6 bits.

    spoken-l2mu, ULX3S: a Legendre memory unit of LIF neurons hears them.

    digits-cnn, iCEBreaker: two convolutions, each with a mean of 2x2.

    digits-resnet, ULX3S: two residual blocks, one with a strided 1x1 shortcut.

    digits-separable, ULX3S: depthwise and pointwise convolutions in turn.

    digits-segmentation, ULX3S: encoder and decoder with a skip, a class for every pixel.

    [bold]Example[/]

      spikewright bench mnist-cnn --data mnist --out build/bench/mnist-cnn

      spikewright bench digits-resnet --out build/bench/digits-resnet
    """
    from spikewright.flow.bench import run_bench
    from spikewright.flow.results.goal import reached

    project = run_bench(name, data, out, samples=samples, seed=seed, working=working)
    show_summary(project.summary)
    for each in reached(project.summary["benchmark"]["goal"], project.summary):
        bound = "at most" if each.at_most else "at least"
        verdict = "met" if each.met else "missed"
        what = each.name.replace("_", " ")
        say(f"goal {verdict}: {what} {bound} {each.wanted:,g}, reached {each.found:,g}")
    say(f"\nAll of it is in {project.root}")
