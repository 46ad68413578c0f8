"""The stages that make a project: of a torch module, a spiking module, or a NIR file."""

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from math import isnan, prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nir
import torch

from spikewright.flow.apply_method import apply_method, check_training
from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    TrainConfig,
    pruned_figures,
)
from spikewright.flow.frameworks import import_spiking
from spikewright.flow.importers import import_module
from spikewright.flow.nir import Discretisation
from spikewright.flow.nir.convert import Agreement, convert_graph
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.nir.preset import check_preset
from spikewright.flow.original import Original
from spikewright.flow.progress import Advance, Working, silent
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.golden.errors import ConfigurationError

__all__ = ["convert_nir_stage", "convert_spiking_stage", "convert_stage", "counted", "epochs"]

KEPT_SAMPLES = 4096
PAYLOAD = 255  # the largest whole number that is taken as it is
MOST_SAMPLES = 512  # on which agreement is measured; of more, evenly spread ones
RANDOM_SAMPLES, RANDOM_STEPS = 64, 64
RANDOM_SPIKES = 8  # of each population in a sample, so that few that differ are a small share
RANDOM_RATES = (0.05, 0.1, 0.2, 0.4, 0.8)  # of spikes of an input, until every population fires


def epochs(
    advance: Advance, *, before: dict[str, int] | None = None, total: int | None = None
) -> Callable[[Epoch], None]:
    """Tell the epochs of training as progress; ``before``: those done when a phase begins."""

    def tell(epoch: Epoch) -> None:
        done = (before or {}).get(epoch.phase, 0) + epoch.epoch
        advance(
            done / (total or epoch.epochs),
            f"{epoch.phase}, epoch {epoch.epoch} of {epoch.epochs}: {epoch.accuracy:.1%}",
        )

    return tell


def counted(advance: Advance, total: int) -> Callable[[Epoch], None]:
    """Tell epochs of any phases as progress, out of about so many."""
    done = 0

    def tell(epoch: Epoch) -> None:
        nonlocal done
        done += 1
        right = "" if isnan(epoch.accuracy) else f": {epoch.accuracy:.1%}"
        advance(
            min(1.0, done / total), f"{epoch.phase}, epoch {epoch.epoch} of {epoch.epochs}{right}"
        )

    return tell


def convert_stage(
    out: Path,
    module: torch.nn.Module,
    data: Samples,
    config: ConvertConfig,
    *,
    training: TrainConfig | None = None,
    tuning: TrainConfig | None = None,
    seed: int = 0,
    working: Working = silent,
) -> Project:
    """Convert ``module`` by the method of ``config``, after its training, into a new project."""
    check_output(out)
    check_training(config.chosen, training=training is not None, tuning=tuning is not None)
    stages = import_module(module, tuple(data.x.shape[1:]))
    n_classes = stages.readout.shape[0]
    if n_classes < 2:
        raise ConfigurationError(
            "a network that chooses a class must have at least 2 outputs", found=str(n_classes)
        )
    original = Original(stages)
    trains = training is not None or tuning is not None
    labels = data.labels(n_classes) if trains else None
    phases = sum(each.epochs for each in (training, tuning) if each is not None)
    start = time.perf_counter()
    with working("train and convert" if trains else "convert") as advance:
        conversion = apply_method(
            stages,
            data.x,
            config,
            y=labels,
            training=training,
            tuning=tuning,
            seed=seed,
            progress=counted(advance, phases),
        )
        project = Project.create(out, conversion.network, original, data.first(KEPT_SAMPLES))
    seconds = {"train" if trains else "convert": time.perf_counter() - start}
    figures = pruned_figures(config, conversion.network)
    described = project.summary["network"] | {"fraction_bits": list(conversion.fraction_bits)}
    project.record(figures | {"network": described}, seconds)
    return project


def convert_nir_stage(
    out: Path,
    source: Path,
    rule: Discretisation,
    data: Samples | None,
    *,
    name: str,
    weight_bits: int = 8,
    input_levels: int | None = None,
    agreement: float = 0.9,
    max_steps: int = 256,
    shape: tuple[int, ...] | None = None,
    preset: str | None = None,
    seed: int = 0,
    held_out: Samples | None = None,
    working: Working = silent,
) -> Project:
    """Make a project of a NIR file; without data, agreement is measured on random spikes.

    Of ``data`` at most 512 evenly spread samples measure it. The project keeps the samples
    ``held_out``, or else the first of ``data``.
    """
    original = NirOriginal(source, rule, shape=shape)
    if preset is not None:
        check_preset(preset, original.reference.graph, where=str(source))
    return _convert_original(
        out,
        original,
        data,
        {"discretisation": rule.as_dict()},
        name=name,
        weight_bits=weight_bits,
        input_levels=input_levels,
        agreement=agreement,
        max_steps=max_steps,
        seed=seed,
        held_out=held_out,
        working=working,
    )


def convert_spiking_stage(
    out: Path,
    module: torch.nn.Module,
    data: Samples,
    *,
    name: str,
    weight_bits: int = 8,
    input_levels: int | None = None,
    agreement: float = 0.9,
    max_steps: int = 256,
    working: Working = silent,
) -> Project:
    """Make a project of a live module of a spiking framework, from samples [N, steps, ...].

    At most 512 evenly spread ones measure the agreement.
    """
    if data.x.ndim < 3:
        raise ConfigurationError(
            "samples of a spiking network must have the shape [N, steps, ...]",
            found=str(list(data.x.shape)),
            where=data.source,
            action="repeat what is shown for several steps",
        )
    imported = import_spiking(module, tuple(data.x.shape[2:]), samples=data.x)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "module.nir"
        nir.write(path, imported.graph)
        original = NirOriginal(path, imported.rule, where=name)
        return _convert_original(
            out,
            original,
            data,
            {
                "framework": imported.framework,
                "reads": imported.reads,
                "silent": [*imported.silent],
                "discretisation": imported.rule.as_dict(),
            },
            name=name,
            weight_bits=weight_bits,
            input_levels=input_levels,
            agreement=agreement,
            max_steps=max_steps,
            seed=0,
            held_out=None,
            working=working,
        )


def _convert_original(
    out: Path,
    original: NirOriginal,
    data: Samples | None,
    figures: dict[str, Any],
    *,
    name: str,
    weight_bits: int,
    input_levels: int | None,
    agreement: float,
    max_steps: int,
    seed: int,
    held_out: Samples | None,
    working: Working,
) -> Project:
    """The integers that agree, as a project."""
    check_output(out)
    start = time.perf_counter()
    drawn = data is None
    if data is None:
        data = _random_spikes(original, max_steps, seed)
    levels = input_range(data.x, input_levels)
    low, high, step = levels
    whole = data.spread(MOST_SAMPLES).x.double() / (step or 1.0)
    values = torch.floor(whole + 0.5).clamp(low, high).long()
    if values.ndim < 3 or values.shape[1] > max_steps:
        raise ConfigurationError(
            f"samples must have the shape [steps, ...], with at most {max_steps} steps",
            found=str(list(values.shape[1:])),
            where=data.source,
            action="give more --max-steps, or shorter samples",
        )
    wanted = original.reference.shapes[original.input]
    if values[0, 0].numel() != prod(wanted):
        raise ConfigurationError(
            f"a step must have {prod(wanted)} values, as input {original.input!r} of shape "
            f"{list(wanted)}",
            found=f"shape {list(values.shape[2:])}",
            where=data.source,
        )
    inputs = values.reshape(*values.shape[:2], *wanted)
    with working("convert"):
        conversion = convert_graph(
            original.reference,
            {original.input: inputs},
            name=name,
            max_steps=max_steps,
            weight_bits=weight_bits,
            agreement=agreement,
            levels={original.input: levels},
            decisions=not drawn,
        )
        _check_all_fire(conversion.agreement, original.reference.where, drawn)
        kept = data.first(KEPT_SAMPLES) if held_out is None else held_out
        project = Project.create(out, conversion.network, original, kept)
    figures |= {
        "agreement": conversion.agreement.as_dict(),
        "precision": asdict(conversion.precision),
    }
    project.record({"nir": figures}, {"convert": time.perf_counter() - start})
    return project


def _random_spikes(original: NirOriginal, steps: int, seed: int) -> Samples:
    """Samples of spikes, as rare as may be while every population fires 8 times a sample.

    Where that is never so, those of which the most silent one fires most.
    """
    reference = original.reference
    if steps < 1:
        raise ConfigurationError("--max-steps must be at least 1", found=str(steps))
    size = (RANDOM_SAMPLES, min(steps, RANDOM_STEPS), *reference.shapes[original.input])
    draw = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    fire = [name for name, each in reference.dynamics.items() if each.threshold is not None]
    best, most, enough = draw, -1, RANDOM_SPIKES * RANDOM_SAMPLES
    for rate in RANDOM_RATES:
        x = (draw < rate).float()
        spikes = reference.run({original.input: x}).spikes
        fewest = min((int(spikes[name].sum()) for name in fire), default=enough)
        if fewest > most:
            best, most = x, fewest
        if fewest >= enough:
            break
    return Samples(x=best)


def _check_all_fire(agreement: Agreement, where: str, drawn: bool) -> None:
    """Where nothing fires nothing was measured: an error of random inputs, of data a warning."""
    if not agreement.silent:
        return
    silent = ", ".join(agreement.silent)
    if drawn:
        raise ConfigurationError(
            "every population must fire on the samples on which agreement is measured",
            found=f"no spike of {silent} on random inputs of any rate",
            where=where,
            action="give typical samples with --calibrate; or time step, thresholds or preset are "
            "not those of the file",
        )
    warnings.warn(
        f"{where}: {silent} never fired on the {agreement.samples} samples, so that nothing was "
        "measured there; give samples on which all populations fire",
        stacklevel=2,
    )


def input_range(x: torch.Tensor, levels: int | None) -> tuple[int, int, float | None]:
    """(low, high, step) of payloads: whole numbers as they are, others in so many levels."""
    low, high = float(x.min()), float(x.max())
    whole = bool((x == x.round()).all())
    if levels is None and whole and max(-low, high) <= PAYLOAD:
        return min(0, int(low)), max(1, int(high)), None
    most = levels or 255
    step = max(-low, high) / most
    return (-most if low < 0 else 0), most, step or 1.0
