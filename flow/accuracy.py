"""The accuracy report: float, quantised, and the integer network in each of its modes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from spikewright.flow.convert import Reference
from spikewright.flow.recurrent import RecurrentReference
from spikewright.flow.samples import Samples
from spikewright.flow.segmentation import mean_iou
from spikewright.flow.sequences import encode_samples, run_samples
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model, Result
from spikewright.golden.model.readout import first_largest
from spikewright.golden.spec import Encoding, Fire, Mode, Network

__all__ = ["evaluate", "mode_accuracy"]

DEFAULT_STEPS = (1, 2, 4, 8, 16)


def evaluate(
    network: Network,
    reference: Reference | RecurrentReference | None,
    float_module: torch.nn.Module | None,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    steps: Sequence[int] = DEFAULT_STEPS,
    batch: int = 1000,
    quantised_module: torch.nn.Module | None = None,
    float_name: str = "float",
    device: str | torch.device = "cpu",
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Classify samples ``x`` with labels ``y`` in every way there is; fractions of 1.

    ``y`` is [N]; or [N, ...], a label for each position of a readout that has several: then
    fractions count positions.

    Parameters
    ----------
    network, reference : the integer network and its closed form, which says ``quantised``; left
        out where the network has none.
    float_module : the trained network, which says ``float``; left out where there is none.
    steps : each T of ``stepwise``; those above the network's ``max_steps`` are left out. Events
        have their own.
    quantised_module : the fake-quantised module; adds ``label_agreement``, how often its label is
        the reference's: the whole error of going from floating point to integers.
    float_name : what the figure of ``float_module`` is called, where its weights may be rounded.
    progress : called with (stage, samples done, samples).

    Returns
    -------
    ``samples``, ``float``, ``quantised``, ``stepwise`` {T: fraction}, ``settle``, ``collapsed``,
    ``mean_iou`` {stage: mean over classes} where a sample has several labels,
    ``equal_logits`` {mode: samples whose logits are exactly the reference's} of each mode that must
    equal it, ``label_agreement``, ``events`` {mode: {name: mean number of spikes per sample}}, and
    ``spikes_per_neuron`` {mode: mean of the neurons that fire}. Of a recurrent network also
    ``states``, neurons times frames times samples, and ``equal_states`` {mode: how many equal the
    reference's}.
    """
    _check(network, x, y, batch)
    values = encode_samples(network, x)
    y = y.reshape(len(y), -1)
    classes = network.population(network.readout.population).channels
    ious: dict[str, float] = {}

    def score(stage: str, labels: torch.Tensor) -> float:
        if y.shape[1] > 1:
            ious[stage] = mean_iou(labels, y, classes)
        return _fraction(labels == y)

    report: dict[str, Any] = {"samples": len(x)}
    tick = progress or _silent
    if float_module is not None:
        labels = _module_labels(float_module, x, batch, tick, float_name)
        report[float_name] = score(float_name, labels)
    if network.inputs[0].encoding is Encoding.EVENTS:
        steps = (x.shape[1],)
    logits = None
    if reference is not None:
        logits = torch.cat([reference(part) for part in _parts(values, batch, tick, "quantised")])
        expected = _rows(reference.labels(logits))
        report["quantised"] = score("quantised", expected)
        if quantised_module is not None:
            labels = _module_labels(quantised_module, x, batch, tick, "fake-quantised")
            report["label_agreement"] = _fraction(labels == expected)
    model = Model(network, device=device)
    events: dict[str, dict[str, float]] = {}
    report["stepwise"] = {}
    report["equal_logits"] = {}
    for T in steps if Mode.STEPWISE in network.modes else ():
        if network.max_steps >= T:
            stage = f"stepwise T={T}"
            results = [
                run_samples(model, part, mode=Mode.STEPWISE, steps=T)
                for part in _parts(values, batch, tick, stage)
            ]
            report["stepwise"][str(T)] = score(stage, _labels(network, results))
            if logits is not None and reference is not None and reference.steps == T:
                report["equal_logits"]["stepwise"] = _equal(results, logits)
            events[stage] = _events(results, len(x))
    for mode in (Mode.SETTLE, Mode.COLLAPSED):
        if mode in network.modes:
            parts = _parts(values, batch, tick, mode)
            results = [run_samples(model, part, mode=mode) for part in parts]
            report[mode.value] = score(mode.value, _labels(network, results))
            if logits is not None:
                report["equal_logits"][mode.value] = _equal(results, logits)
            if isinstance(reference, RecurrentReference):
                parts = _parts(values, batch, tick, f"{mode}, states")
                report["states"] = reference.states_of(values)
                report.setdefault("equal_states", {})[mode.value] = sum(
                    reference.equal_states(model, part, mode) for part in parts
                )
            events[mode.value] = _events(results, len(x))
    if ious:
        report["mean_iou"] = ious
    report["events"] = events
    fire = [each for each in network.populations if each.soma.fire is not Fire.NONE]
    if fire:
        n = sum(each.n for each in fire)
        report["spikes_per_neuron"] = {
            stage: sum(means[each.name] for each in fire) / n for stage, means in events.items()
        }
    return report


def mode_accuracy(
    network: Network, samples: Samples, mode: Mode, *, steps: int | None, batch: int = 1000
) -> float:
    """The share of labelled samples, or of their positions, that the golden model gets right."""
    classes = network.population(network.readout.population).channels
    y = samples.labels(classes)
    _check(network, samples.x, y, batch, samples.source)
    values = encode_samples(network, samples.x)
    model = Model(network)
    parts = _parts(values, batch, _silent, mode)
    results = [run_samples(model, part, mode=mode, steps=steps) for part in parts]
    return _fraction(_labels(network, results) == y.reshape(len(y), -1))


def _equal(results: Sequence[Result], logits: torch.Tensor) -> int:
    """Samples whose logits are exactly those."""
    got = torch.cat([result.values.cpu() for result in results])
    return int((got == logits).all(1).sum())


def _parts(
    values: torch.Tensor, batch: int, tick: Callable[[str, int, int], None], stage: str
) -> Iterator[torch.Tensor]:
    for start in range(0, len(values), batch):
        tick(stage, start, len(values))
        yield values[start : start + batch]
    tick(stage, len(values), len(values))


@torch.no_grad()
def _module_labels(
    module: torch.nn.Module,
    x: torch.Tensor,
    batch: int,
    tick: Callable[[str, int, int], None],
    stage: str,
) -> torch.Tensor:
    was_training = module.training
    module.eval()
    labels = []
    for part in _parts(x, batch, tick, stage):
        logits = module(part)
        labels.append(first_largest(logits.reshape(*logits.shape[:2], -1)))
    module.train(was_training)
    return torch.cat(labels)


def _labels(network: Network, results: Sequence[Result]) -> torch.Tensor:
    """Labels [N, positions]; of values that are read raw, the largest's lowest channel."""
    channels = network.population(network.readout.population).channels
    parts = []
    for result in results:
        labels = result.labels
        if labels is None:
            labels = first_largest(result.values.reshape(len(result.values), channels, -1))
        parts.append(_rows(labels.cpu()))
    return torch.cat(parts)


def _rows(labels: torch.Tensor) -> torch.Tensor:
    return labels.reshape(len(labels), -1)


def _events(results: Sequence[Result], samples: int) -> dict[str, float]:
    return {
        name: sum(int(result.events[name].sum()) for result in results) / samples
        for name in results[0].events
    }


def _fraction(right: torch.Tensor) -> float:
    return int(right.sum()) / right.numel()


def _silent(stage: str, done: int, samples: int) -> None:
    """No progress wanted."""


def _check(
    network: Network, x: torch.Tensor, y: torch.Tensor, batch: int, where: str = "evaluation data"
) -> None:
    if len(x) == 0 or len(x) != len(y):
        raise ConfigurationError(
            "evaluation needs as many labels as samples, and at least one",
            found=f"{len(x)} samples and {len(y)} labels",
            where=where,
        )
    if batch < 1:
        raise ConfigurationError("must be at least 1", found=str(batch), where="batch")
    positions = network.population(network.readout.population).positions
    if y[0].numel() != positions:
        raise ConfigurationError(
            f"a sample must have {positions} labels, one for each position of the readout",
            found=str(y[0].numel()),
            where=where,
        )
