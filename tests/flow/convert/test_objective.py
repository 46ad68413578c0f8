"""What training makes small, by hand."""

import pytest
import torch

from spikewright.flow.convert import CrossEntropy, SquaredError
from spikewright.golden.errors import ConfigurationError


def test_cross_entropy_is_of_outputs_times_the_scale() -> None:
    outputs, labels = torch.tensor([[8.0, 0, 0], [0, 0, 4.0]]), torch.tensor([0, 1])
    found = CrossEntropy(scale=0.25).loss(outputs, labels)
    logs = torch.tensor([[2.0, 0, 0], [0, 0, 1.0]]).log_softmax(1)
    assert float(found) == pytest.approx(-float(logs[0, 0] + logs[1, 1]) / 2)
    assert CrossEntropy(scale=0.25).score(outputs, labels) == (1, 2)


def test_squared_error_and_what_it_explains() -> None:
    outputs, values = torch.tensor([[[2.0], [4.0]]]), torch.tensor([[[0.0], [2.0]]])
    objective = SquaredError(scale=0.5)
    assert float(objective.loss(outputs, values)) == pytest.approx((1 + 0) / 2)
    # about their mean of 1 the values' squares sum to 2, and the errors' to 1
    assert objective.score(outputs, values) == (1, 2)
    with pytest.raises(ConfigurationError, match=r"the outputs' shape, \[2, 1\] a sample"):
        objective.loss(outputs, values[..., 0])
