"""What workers say of a point that cannot be, and of a machine that cannot work."""

from types import SimpleNamespace

import pytest
import torch

from spikewright.flow.convert import ConvertConfig
from spikewright.flow.explore import work
from spikewright.flow.explore.task import Failed, Payload, Refused
from spikewright.flow.samples import Samples
from spikewright.golden.errors import ConfigurationError, FileError, ToolError


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (ConfigurationError("a plan must fit", found="none"), Refused),
        (FileError("the file must be readable", found="no space"), Failed),
        (ToolError("the tool must end well", found="a failure"), Failed),
        (OSError("no space"), Failed),
        (MemoryError(), Failed),
    ],
)
def test_points_and_machines_are_told_apart(error, answer):
    def raises(*_):
        raise error

    found = work._answering(raises)(1)
    assert type(found) is answer
    assert str(error) in found.reason
    assert work._answering(raises)(1, found) is found  # and passed on


@pytest.fixture
def read(monkeypatch):
    """What a worker has of these samples, to calibrate on and held out."""
    monkeypatch.setattr(work, "Original", SimpleNamespace(load=lambda folder: None))

    def read(*samples):
        calibration, held_out = map(work.packed, samples)
        config = ConvertConfig()
        return work._read(
            Payload(original=b"", calibration=calibration, held_out=held_out, config=config)
        )[1:]

    return read


def test_errors_name_samples_by_what_they_are_and_no_file_that_is_gone(read):
    plain = Samples(x=torch.zeros(2, 3), source="mine.npz")
    names = ("calibration data", "held-out data")
    for samples, source in zip(read(plain, plain), names, strict=True):
        with pytest.raises(ConfigurationError, match=f"^{source}: the data must have labels"):
            samples.labels(4)
    with pytest.raises(ConfigurationError, match=r"^held-out data: every value of x must be fin"):
        read(plain, Samples(x=torch.full((2, 3), torch.nan)))
