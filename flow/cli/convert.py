"""``spikewright convert``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikewright.flow.cli.console import show_summary, working
from spikewright.flow.cli.options import integers, one_of

if TYPE_CHECKING:
    from spikewright.flow.nir import Discretisation

__all__ = ["convert"]

_ANN = {
    "method", "levels", "spike_bits", "encoding", "percentile", "fraction_bits", "max_pool",
    "qat_epochs", "tune_epochs", "variance", "learning_rate", "prune", "prune_lanes",
}  # fmt: skip
_NIR = {"preset", "discretisation", "reset", "reset_delay", "dt"}
SPIKING_BITS = "8"
"""Of weights that were not trained for fewer."""


def convert(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="Where the network is made: FILE.py:FUNCTION, called without arguments; or "
            "FILE.nir."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="npz with x [N, ...]: typical samples, of which at most 2,048 evenly spread ones "
            "calibrate. With labels y [N] for training. Of a NIR file or a spiking module x "
            "[N, steps, ...]: at most 512 evenly spread ones measure the agreement; of a file also "
            "random spikes, where none are given."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="safetensors, or a torch checkpoint (read with weights_only)."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="How it becomes a spiking network: spikewright methods lists them. It decides how "
            "neurons begin, fire and reset, how the input comes, and the modes."
        ),
    ] = "st-bif",
    weight_bits: Annotated[
        str | None,
        typer.Option(
            help="Bits of a weight, 2 to 8: one number, or one a layer, as in 8,2,4. Of NIR files "
            "and of spiking modules 2 to 16.",
            show_default="4; 8 of NIR files and of spiking modules",
        ),
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(
            help="Most spikes of a hidden neuron: one number, or one a hidden layer. Of one-hot "
            "levels 1, 2, 4 .. for its bits. Of methods whose input comes in every step: the steps "
            "they are made for, times the levels of a spike.",
            show_default="the method's; 15 of st-bif",
        ),
    ] = None,
    spike_bits: Annotated[
        int | None,
        typer.Option(help="Of a spike of method bursts, 1 to 4.", show_default="2"),
    ] = None,
    input_levels: Annotated[
        int,
        typer.Option(
            help="Largest level of an input; 1 makes inputs binary.",
            show_default="15; NIR files and spiking modules take whole numbers as they are",
        ),
    ] = 15,
    encoding: Annotated[
        str,
        typer.Option(
            help="once: a value enters in the first step. spread: evenly over all. phase: bit by "
            "bit, the highest first, without multipliers."
        ),
    ] = "once",
    percentile: Annotated[
        float | None,
        typer.Option(
            help="Of the activations in calibration; what lies above is clipped.",
            show_default="99.9, or the method's",
        ),
    ] = None,
    fraction_bits: Annotated[
        str | None,
        typer.Option(
            help="Extra bits of thresholds and biases: for all layers, or one for each, as in 3,0: "
            "those that another network has got, to be loaded in its place.",
            show_default="as needed",
        ),
    ] = None,
    max_pool: Annotated[
        str,
        typer.Option(
            help="exact: the maximum, in every mode. or: any spike under the window, stepwise "
            "only, for networks trained with it."
        ),
    ] = "exact",
    max_steps: Annotated[
        int | None,
        typer.Option(
            help="Largest T that stepwise runs may have; widths are proven up to it. Of method "
            "corrective the one T that it is made for.",
            show_default="64; one-hot, ttfs and pattern have their own",
        ),
    ] = None,
    prune: Annotated[
        float,
        typer.Option(
            help="Share of the weights that Linear layers of more outputs than --prune-lanes lose, "
            "the smallest, before that training."
        ),
    ] = 0.0,
    prune_lanes: Annotated[
        int,
        typer.Option(
            help="Lanes that all keep equally many weights of each input, for hardware of so many "
            "lanes and sparse rows."
        ),
    ] = 16,
    qat_epochs: Annotated[
        int, typer.Option(help="Epochs of quantisation-aware training; needs labels.")
    ] = 0,
    tune_epochs: Annotated[
        int,
        typer.Option(
            help="Epochs of tuning with spikes, of the methods that have it; needs labels."
        ),
    ] = 0,
    variance: Annotated[
        float | None,
        typer.Option(
            help="Share of it that the channels keep which method st-pruning leaves.",
            show_default="0.999",
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of that training.")] = 2e-3,
    seed: Annotated[
        int, typer.Option(min=0, help="Of that training; the same seed, the same network.")
    ] = 0,
    name: Annotated[
        str | None, typer.Option(help="Name of the network.", show_default="the function's")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="What a NIR file leaves open, as its exporter has it: snntorch, norse, sinabs, "
            "spikingjelly, rockpool or lava."
        ),
    ] = None,
    discretisation: Annotated[
        Path | None,
        typer.Option(
            help="The same as JSON: dt, reset, compare, decay, ... or preset and changes."
        ),
    ] = None,
    reset: Annotated[
        str | None, typer.Option(help="subtract or value, in place of the preset's.")
    ] = None,
    reset_delay: Annotated[
        bool | None,
        typer.Option(
            help="Whether a subtraction waits for the next step, as snnTorch trains by default.",
            show_default="the preset's",
        ),
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(help="A step in the file's unit of time, in place of the preset's."),
    ] = None,
    agreement: Annotated[
        float,
        typer.Option(
            help="Least share of spikes and labels in common with the network of a NIR file or a "
            "spiking module; fewer are an error. The coarsest integers with 0.99 are taken, or the "
            "best."
        ),
    ] = 0.9,
) -> None:
    """Make a project: the integer network of a trained one.

    The function returns a torch.nn.Module: Linear, Conv1d, Conv2d and their
    transposed forms, ReLU (also clipped or quantised), batch norm, maximum and
    average pooling, nearest upsampling, Flatten, Dropout, and additions and
    concatenations of branches. A module with neurons of snnTorch, SpikingJelly
    or sinabs is taken as it runs, from samples [N, steps, ...].

    [bold]Examples[/]

      spikewright convert network.py:make --weights w.pt --calibrate x.npz --out p

      spikewright convert network.py:make --weights w.safetensors --out p
        --calibrate train.npz --weight-bits 8,2,4 --qat-epochs 20

      spikewright convert network.py:make --out p --calibrate train.npz
        --method one-hot --levels 7 --qat-epochs 20

      spikewright convert network.py:make --out p --calibrate train.npz
        --prune 0.8 --prune-lanes 16 --qat-epochs 20

      spikewright convert net.nir --preset snntorch --reset subtract
        --reset-delay --out p
    """
    from spikewright.flow.conversions import convert_spiking_stage, convert_stage
    from spikewright.flow.convert import ConvertConfig, MaxPool, TrainConfig
    from spikewright.flow.frameworks import framework_of
    from spikewright.flow.importers import load_module
    from spikewright.flow.project import check_output
    from spikewright.flow.samples import load_samples
    from spikewright.golden.errors import ConfigurationError
    from spikewright.golden.spec import Encoding

    given = _given(context)
    if "prune_lanes" in given and not prune:
        raise ConfigurationError(
            "--prune-lanes must come with --prune", found="none", where="--prune-lanes"
        )
    levels_given = input_levels if "input_levels" in given else None
    if source.endswith(".nir"):
        _refuse(given & (_ANN | {"weights"}), "a NIR file", source)
        _convert_nir(
            Path(source),
            out,
            calibrate,
            rule=_rule(
                source,
                preset,
                discretisation,
                {"reset": reset, "reset_delay": reset_delay, "dt": dt},
            ),
            preset=preset,
            name=name,
            weight_bits=_one(weight_bits or SPIKING_BITS, "a NIR file"),
            max_steps=64 if max_steps is None else max_steps,
            input_levels=levels_given,
            agreement=agreement,
            seed=seed,
        )
        return
    for epochs, option in ((qat_epochs, "--qat-epochs"), (tune_epochs, "--tune-epochs")):
        if epochs < 0:
            raise ConfigurationError("must not be negative", found=str(epochs), where=option)
    check_output(out)
    module = load_module(source, weights)
    if calibrate is None:
        raise ConfigurationError("--calibrate must be given", found="none", where=source)
    data = load_samples(calibrate)
    if framework_of(module) is not None:
        if qat_epochs:
            raise ConfigurationError(
                "--qat-epochs must be 0 for a spiking network", found=str(qat_epochs)
            )
        _refuse(given & (_ANN | _NIR | {"seed"}), "a spiking module", source)
        project = convert_spiking_stage(
            out,
            module,
            data,
            name=name or source.rpartition(":")[2],
            weight_bits=_one(weight_bits or SPIKING_BITS, "a spiking network"),
            max_steps=64 if max_steps is None else max_steps,
            input_levels=levels_given,
            agreement=agreement,
            working=working,
        )
        show_summary(project.summary, "network", "nir")
        return
    _refuse(given & (_NIR | {"agreement"}), "a module without spiking neurons", source)
    kept = (Encoding.ONCE, Encoding.SPREAD, Encoding.PHASE)
    others = tuple(each for each in Encoding if each not in kept)
    config = ConvertConfig(
        name=name or source.rpartition(":")[2],
        weight_bits=_one_or_many(integers(weight_bits or "4", "--weight-bits")),
        method=method,
        levels=None if levels is None else _one_or_many(integers(levels, "--levels")),
        spike_bits=spike_bits,
        variance=variance,
        input_levels=input_levels,
        encoding=one_of(Encoding, encoding, "--encoding", but=others),
        percentile=percentile,
        fraction_bits=None
        if fraction_bits is None
        else _one_or_many(integers(fraction_bits, "--fraction-bits", least=0)),
        max_pool=one_of(MaxPool, max_pool, "--max-pool"),
        max_steps=max_steps,
        prune=prune,
        prune_lanes=prune_lanes,
    )
    training, tuning = (
        TrainConfig(epochs=epochs, learning_rate=learning_rate) if epochs else None
        for epochs in (qat_epochs, tune_epochs)
    )
    project = convert_stage(
        out, module, data, config, training=training, tuning=tuning, seed=seed, working=working
    )
    show_summary(project.summary, "network", "pruned")


def _given(context: typer.Context) -> set[str]:
    """Parameters that the command line gives."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    # By its name: some releases of typer have a click of their own, whose members are others.
    return {name for name, each in sources.items() if each and each.name == "COMMANDLINE"}


def _refuse(names: set[str], what: str, source: str) -> None:
    """Options that would say nothing."""
    from spikewright.golden.errors import ConfigurationError

    if names:
        raise ConfigurationError(
            f"{what} must come without options that do nothing there",
            found=", ".join(sorted(f"--{name.replace('_', '-')}" for name in names)),
            where=source,
            action="leave them out",
        )


def _rule(
    source: str, preset: str | None, path: Path | None, given: Mapping[str, Any]
) -> "Discretisation":
    """What was asked for; a NIR file says nothing of it."""
    from spikewright.flow.nir import load_discretisation, preset_of
    from spikewright.golden.errors import ConfigurationError

    if (preset is None) == (path is None):
        raise ConfigurationError(
            "a NIR file must come with its discretisation, which it does not state: time step, "
            "reset, comparison, decay",
            found="neither --preset nor --discretisation" if path is None else "two of them",
            where=source,
            action="give --preset, the name of the framework that exported it, or --discretisation "
            "FILE.json",
        )
    rule = load_discretisation(path) if path is not None else preset_of(str(preset))
    return rule.everywhere(**{k: value for k, value in given.items() if value is not None})


def _convert_nir(
    source: Path,
    out: Path,
    data: Path | None,
    *,
    rule: "Discretisation",
    preset: str | None,
    name: str | None,
    weight_bits: int,
    max_steps: int,
    input_levels: int | None,
    agreement: float,
    seed: int,
) -> None:
    from spikewright.flow.conversions import convert_nir_stage
    from spikewright.flow.samples import load_samples

    project = convert_nir_stage(
        out,
        source,
        rule,
        None if data is None else load_samples(data),
        name=name or _title(source.stem),
        weight_bits=weight_bits,
        input_levels=input_levels,
        agreement=agreement,
        max_steps=max_steps,
        preset=preset,
        seed=seed,
        working=working,
    )
    show_summary(project.summary, "network", "nir")


def _title(stem: str) -> str:
    """A file's name as that of a network."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in stem)
    return plain if plain[:1].isalpha() else f"n{plain}"


def _one(text: str, what: str) -> int:
    from spikewright.golden.errors import ConfigurationError

    numbers = integers(text, "--weight-bits")
    if len(numbers) != 1:
        raise ConfigurationError(
            f"--weight-bits must be one number for {what}", found=f"{len(numbers)} numbers"
        )
    return numbers[0]


def _one_or_many(numbers: tuple[int, ...]) -> int | tuple[int, ...]:
    return numbers[0] if len(numbers) == 1 else numbers
