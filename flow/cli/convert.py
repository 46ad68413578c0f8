"""``spikewright convert``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import show_summary, working
from spikewright.flow.cli.options import integers, one_of

__all__ = ["convert"]


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="Where the network is made: FILE.py:FUNCTION, called without arguments."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    calibrate: Annotated[
        Path,
        typer.Option(
            help="npz with x [N, ...]: typical samples, of which at most 2,048 evenly spread ones "
            "calibrate. With labels y [N] for training."
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(help="safetensors, or a torch checkpoint (read with weights_only)."),
    ] = None,
    weight_bits: Annotated[
        str, typer.Option(help="Bits of a weight, 2 to 8: one number, or one a layer, as in 8,2,4.")
    ] = "4",
    levels: Annotated[
        str, typer.Option(help="Most spikes of a hidden neuron: one number, or one a hidden layer.")
    ] = "15",
    input_levels: Annotated[
        int, typer.Option(help="Largest level of an input; 1 makes inputs binary.")
    ] = 15,
    encoding: Annotated[
        str, typer.Option(help="once: a value enters in the first step. spread: evenly over all.")
    ] = "once",
    percentile: Annotated[
        float, typer.Option(help="Of the activations in calibration; what lies above is clipped.")
    ] = 99.9,
    fraction_bits: Annotated[
        int | None,
        typer.Option(help="Extra bits of thresholds and biases.", show_default="as needed"),
    ] = None,
    max_pool: Annotated[
        str,
        typer.Option(
            help="exact: the maximum, in every mode. or: any spike under the window, stepwise "
            "only, for networks trained with it."
        ),
    ] = "exact",
    max_steps: Annotated[
        int, typer.Option(help="Largest T that stepwise runs may have; widths are proven up to it.")
    ] = 64,
    qat_epochs: Annotated[
        int, typer.Option(help="Epochs of quantisation-aware training; needs labels.")
    ] = 0,
    learning_rate: Annotated[float, typer.Option(help="Of that training.")] = 2e-3,
    seed: Annotated[
        int, typer.Option(help="Of that training; the same seed, the same network.")
    ] = 0,
    name: Annotated[
        str | None, typer.Option(help="Name of the network.", show_default="the function's")
    ] = None,
) -> None:
    """Make a project: the integer network of a trained one.

    The function returns a torch.nn.Module: Linear, Conv1d, Conv2d and their
    transposed forms, ReLU (also clipped or quantised), batch norm, maximum and
    average pooling, nearest upsampling, Flatten, Dropout, and additions and
    concatenations of branches.

    [bold]Examples[/]

      spikewright convert network.py:make --weights w.pt --calibrate x.npz --out p

      spikewright convert network.py:make --weights w.safetensors --out p
        --calibrate train.npz --weight-bits 8,2,4 --qat-epochs 20
    """
    from spikewright.flow.convert import ConvertConfig, MaxPool, TrainConfig
    from spikewright.flow.importers import load_module
    from spikewright.flow.project import check_output
    from spikewright.flow.samples import load_samples
    from spikewright.flow.stages import convert_stage
    from spikewright.golden.errors import ConfigurationError
    from spikewright.golden.spec import Encoding

    if qat_epochs < 0:
        raise ConfigurationError(
            "must not be negative", found=str(qat_epochs), where="--qat-epochs"
        )
    config = ConvertConfig(
        name=name or source.rpartition(":")[2],
        weight_bits=_one_or_many(integers(weight_bits, "--weight-bits")),
        levels=_one_or_many(integers(levels, "--levels")),
        input_levels=input_levels,
        encoding=one_of(Encoding, encoding, "--encoding", but=(Encoding.CONSTANT, Encoding.EVENTS)),
        percentile=percentile,
        fraction_bits=fraction_bits,
        max_pool=one_of(MaxPool, max_pool, "--max-pool"),
        max_steps=max_steps,
    )
    training = None
    if qat_epochs:
        training = TrainConfig(epochs=qat_epochs, learning_rate=learning_rate)
    check_output(out)
    module = load_module(source, weights)
    data = load_samples(calibrate)
    project = convert_stage(
        out, module, data, config, training=training, seed=seed, working=working
    )
    show_summary(project.summary, "network")


def _one_or_many(numbers: tuple[int, ...]) -> int | tuple[int, ...]:
    return numbers[0] if len(numbers) == 1 else numbers
