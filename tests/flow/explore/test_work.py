"""What workers say of a point that cannot be, and of a machine that cannot work."""

import pytest

from spikewright.flow.explore import work
from spikewright.flow.explore.task import Failed, Refused
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
