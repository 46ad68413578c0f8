"""A search on a scheduler of somebody else, where no client of our own cluster stands in."""

import pytest

from spikewright.flow.explore.cluster import connect
from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.job import Search
from spikewright.flow.explore.outcome import directions, failed_points, found_points
from spikewright.flow.explore.run import search
from spikewright.flow.explore.space import Space
from spikewright.flow.explore.study import open_study
from spikewright.golden.spec import Mode
from support.exploring import PRETENDED, SLOW, payload_in

ONE = Space(
    weight_bits=(3,),
    levels=(1,),
    modes=(Mode.SETTLE,),
    steps=(),
    lanes=(8,),
    boards=("icebreaker",),
)
COSTS = (Cost.TIME, Cost.AREA)


@pytest.mark.parametrize(
    ("tasks", "failed"), [(PRETENDED, []), (SLOW, ["it took more than 0.5 s"])]
)
def test_points_are_found_and_those_that_take_too_long_are_left(tmp_path, elsewhere, tasks, failed):
    _, address = elsewhere()
    with (
        open_study(tmp_path / "out", {}, directions(COSTS), seed=0) as study,
        connect(address, timeout_s=5) as client,
    ):
        job = Search(
            study=study,
            space=ONE,
            costs=COSTS,
            payload=payload_in(tmp_path),
            tasks=tasks,
            networks=tmp_path / "out" / "networks",
            name="elsewhere",
            trial_timeout_s=0.5 if failed else None,
        )
        search(job, client, 1, lambda share, note="": None)
        assert [why for _, why in failed_points(study, ONE)] == failed
        assert len(found_points(study, ONE)) == (not failed)
