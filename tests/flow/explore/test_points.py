"""The folder of points: what it replaces, and what it keeps."""

import pytest
import torch

from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.points import write_points
from spikewright.flow.samples import Samples


@pytest.fixture
def write(tmp_path):
    def again():
        kept = Samples(x=torch.zeros(2, 3))
        return write_points(
            tmp_path / "points", tmp_path, {}, (), (), (Cost.TIME,), original=None, held_out=kept
        )

    return again


def test_what_it_wrote_is_replaced(write, tmp_path):
    for _ in range(2):
        assert write() is None
    assert [path.name for path in tmp_path.iterdir()] == ["points"]


@pytest.mark.parametrize("change", ["points.csv", "points.json", "0001/generated/plan.json"])
def test_what_somebody_changed_or_added_is_kept(write, tmp_path, change):
    for n in (1, 2):
        write()
        path = tmp_path / "points" / change
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        assert write() == tmp_path / f"points-{n}"
        assert (tmp_path / f"points-{n}" / change).read_text() == "mine"
        assert not path.exists() or path.read_text() != "mine"
