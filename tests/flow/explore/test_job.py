"""How a trial is begun: of which point, and where its network is kept."""

from pathlib import Path

import optuna

from spikewright.flow.convert import ConvertConfig
from spikewright.flow.explore import job
from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.space import Space
from spikewright.flow.explore.task import Payload, Tasks

SPACE = Space()
POINTS = list(SPACE.points())


class Stubborn:
    """A study that wants the first point, whatever was tried, until it is told another."""

    def __init__(self):
        self.wanted = SPACE.params(POINTS[0])

    def ask(self):
        return optuna.trial.FixedTrial(dict(self.wanted))

    def tell(self, trial, state):
        assert state is optuna.trial.TrialState.FAIL

    def get_trials(self, deepcopy):
        return [None] * 20

    def enqueue_trial(self, params):
        self.wanted = params


def drawn(seed):
    payload = Payload(
        original=b"", calibration=b"", held_out=b"", config=ConvertConfig(), seed=seed
    )
    search = job.Search(
        study=Stubborn(),
        space=SPACE,
        costs=(Cost.TIME,),
        payload=payload,
        tasks=Tasks(quantise=None, measure=None, cost=None),
        networks=Path("networks"),
        name="t",
    )
    return job._ask(search, {POINTS[0]})[1]


def test_what_is_drawn_is_of_the_seed():
    assert drawn(1) == drawn(1) != POINTS[0]
    assert len({drawn(seed) for seed in range(10)}) > 5


def test_points_of_one_network_share_a_file():
    files = {job.network_file(Path("n"), point) for point in POINTS}
    assert len(files) == len(SPACE.weight_bits) * len(SPACE.levels)
    assert job.network_file(Path("n"), POINTS[0]) == Path("n/3-1.safetensors")
