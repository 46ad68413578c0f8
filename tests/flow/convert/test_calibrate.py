"""Steps by hand, and every calibration that cannot give one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.convert import convert
from spikewright.flow.convert.calibrate import (
    activation_step,
    best_initial,
    check_calibration,
    input_range,
    values_above,
    weight_steps,
)
from spikewright.flow.convert.code import Levels
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.importers import INPUT, Activation, Branch, BranchKind, Norm, Stage
from spikewright.golden.errors import ConfigurationError
from support.by_hand import calibration, tiny


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[1.0]], r"must be a tensor \[samples, ...\], found list$"),
        (torch.zeros(3), r"must have the shape \[samples, ...\], found \[3\]$"),
        (torch.zeros(0, 4), r"must hold at least one sample, found shape \[0, 4\]$"),
        (torch.tensor([[1.0, float("nan")]]), r"must be finite, found nan at \[0, 1\]$"),
        (torch.tensor([[1.0], [-float("inf")]]), r"must be finite, found -inf at \[1, 0\]$"),
        (torch.zeros(1, 2, dtype=torch.complex64), "must be real, found torch.complex64$"),
    ],
)
def test_refuses(data: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^calibration data: {message}"):
        check_calibration(data)


def test_takes_arrays_and_integers() -> None:
    assert check_calibration(np.ones((2, 3), dtype=np.int64)).dtype == torch.float64


def test_of_many_samples_evenly_spread_ones_calibrate() -> None:
    every = torch.arange(5000.0)[:, None]
    chosen = check_calibration(every)[:, 0]
    assert len(chosen) == 2048 and chosen[0] == 0 and chosen[-1] == 4997
    assert set(chosen.diff().tolist()) == {2.0, 3.0}
    assert torch.equal(check_calibration(every[:2048]), every[:2048].double())
    every[1] = torch.nan
    with pytest.raises(ConfigurationError, match=r"must be finite, found nan at \[1, 0\]$"):
        check_calibration(every)


def test_what_lies_between_the_samples_that_calibrate_changes_nothing() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x = torch.rand(6144, 3)
    few = convert(module, x[::3]).network
    x[1::3] *= 9
    assert convert(module, x).network.content_hash == few.content_hash
    assert convert(module, x[1::3]).network.content_hash != few.content_hash


def test_input_levels() -> None:
    config = ConvertConfig(input_levels=4, percentile=100.0)
    unsigned = input_range(torch.tensor([[0.0, 2.0, 1.0]]), config)
    assert (unsigned.low, unsigned.high, unsigned.step) == (0, 4, 0.5)
    signed = input_range(torch.tensor([[0.5, -2.0, 1.0]]), config)
    assert (signed.low, signed.high, signed.step) == (-4, 4, 0.5)
    with pytest.raises(ConfigurationError, match=r"must not be zero everywhere, found only zeros$"):
        input_range(torch.zeros(2, 3), config)


def stage(activation: Activation, norm_after: Norm | None = None) -> Stage:
    branch = Branch(name="fc", source=INPUT, kind=BranchKind.LINEAR, weight=np.ones((1, 1)))
    return Stage(
        name="fc",
        shape=(1,),
        branches=(branch,),
        bias=np.zeros(1),
        activation=activation,
        norm_after=norm_after,
    )


def test_activation_steps() -> None:
    y = torch.tensor([0.0, 1.0, 3.0]).reshape(3, 1, 1, 1)
    gain = torch.tensor([2.0])
    assert activation_step(stage(Activation()), y, gain, Levels(highest=3), 100.0) == 2.0
    assert activation_step(stage(Activation(clip=1.5)), y, gain, Levels(highest=3), 100.0) == 1.0
    learned = Activation(clip=3.0, levels=3, step=1.0)
    assert activation_step(stage(learned), y, gain, Levels(highest=3), 100.0) == 1.0
    message = (
        "^fc: activations must not always be zero, found 0 for all 3 calibration samples; check "
        "weights and calibration data$"
    )
    with pytest.raises(ConfigurationError, match=message):
        activation_step(stage(Activation()), y * 0, gain, Levels(highest=3), 100.0)


def test_weight_steps_are_exact_where_weights_are_on_a_grid() -> None:
    weight = torch.tensor([[0.5, -1.0, 1.5], [0.0, 0.0, 0.0]], dtype=torch.float64)
    assert weight_steps(weight, 3, per_channel=True).tolist() == [
        0.5,
        weight_steps(weight[1:], 3, per_channel=True).item(),
    ]
    assert weight_steps(weight, 3, per_channel=False).tolist() == [0.5]


def test_weight_steps_clip_where_that_errs_less() -> None:
    weight = torch.tensor([[*[0.1, -0.1] * 50, 0.4]], dtype=torch.float64)
    assert float(weight_steps(weight, 1, per_channel=True)) < 0.2


@pytest.mark.parametrize(
    ("percentile", "wanted"), [(99.9, 1000), (99, 100), (50, 2), (100, 1), (99.99, 10_000)]
)
def test_how_many_values_a_percentile_needs(percentile: float, wanted: int) -> None:
    assert values_above(percentile) == wanted
    values = np.arange(wanted, dtype=np.float64)
    if percentile < 100:  # one value lies above, and of one less none need do so
        assert (values > np.percentile(values, percentile)).sum() == 1


def test_a_percentile_of_too_few_activations_is_refused() -> None:
    """Of the two samples h has (0, 0) and (3, 12), g 24 and 0: by copies 2 and 1 above 0."""
    config = ConvertConfig(method="rate", weight_bits=3, input_levels=3)
    message = (
        "^layer_2: there must be at least 1,000 activations above 0, for one of them to lie above "
        "percentile 99.9, found 500 in 1,000 samples; give more calibration data, or take method "
        "rate-max$"
    )
    with pytest.raises(ConfigurationError, match=message):
        convert(tiny(), calibration(500), config)
    convert(tiny(), calibration(1000), config)
    convert(tiny(), calibration(1), replace(config, method="rate-max", percentile=None))
    # What trains learns where it clips: the percentile is where it starts from.
    convert(tiny(), calibration(1), ConvertConfig(method="qcfs"))


def test_initial_membranes_of_too_few_samples_are_refused() -> None:
    config = ConvertConfig(method="dnisnm", weight_bits=3, input_levels=3)
    message = (
        "^calibration data: must hold at least 16 samples, from which each neuron's initial "
        "membrane is chosen, to a sixteenth of a threshold, found 14; give more, or take method "
        "neuron-norm$"
    )
    with pytest.raises(ConfigurationError, match=message):
        convert(tiny(), calibration(7), config)
    convert(tiny(), calibration(8), config)


def test_initial_membranes_against_a_search() -> None:
    """Of each neuron the mean of what is sent is as near to that of the activations as may be."""
    a = torch.rand(40, 3, 2, 1, generator=torch.Generator().manual_seed(1)).double() ** 4 * 1.2
    for levels in (Levels(highest=1, steps=2), Levels(highest=3, steps=2)):
        found = best_initial(a * levels.highest, levels)
        assert found.shape == (6,)
        for values, v0 in zip((a * levels.highest).flatten(1).T.numpy(), found, strict=True):
            errors = {}
            for k in range(17):
                sent = [min(int(each * 2 + k / 16), levels.count) / 2 for each in values]
                errors[k / 16] = abs(np.mean(sent) - np.mean(values))
            least = min(errors.values())
            wanted = [each for each, error in errors.items() if error - least < 1e-12]
            assert v0 in wanted and abs(v0 - 0.5) == min(abs(each - 0.5) for each in wanted)
        assert len(set(found.tolist())) > 1  # else data decide nothing


def test_of_single_errors_a_half_is_always_the_least() -> None:
    """Why the mean is what initial membranes are chosen by."""
    a = torch.rand(500, generator=torch.Generator().manual_seed(2)).double()
    half = (torch.floor(a * 4 + 0.5) / 4 - a).abs()
    for k in range(17):
        assert bool((half <= (torch.floor(a * 4 + k / 16).clamp(0, 4) / 4 - a).abs()).all())
