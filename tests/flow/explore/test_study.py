"""A study: kept in a file, goes on, and only with what it was begun for."""

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from spikewright.flow.explore.space import Space
from spikewright.flow.explore.study import FAILED, JOURNAL, open_study, point_of, restart
from spikewright.golden.errors import FileError

SPACE = Space()
IDENTITY = {
    "network": "a" * 64,
    "held_out": "b" * 64,
    "space": SPACE.as_dict(),
    "seed": 0,
    "boards": {"b.json": {"luts": 100, "dsps": 3}},
    "versions": {"torch": "2.9", "area model": "d" * 64},
}
DIRECTIONS = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]


def begin(folder, **changes):
    return open_study(folder, IDENTITY | changes, DIRECTIONS, seed=0)


def test_it_goes_on(tmp_path):
    with begin(tmp_path / "s") as study:
        trial = study.ask()
        point = SPACE.suggest(trial)
        study.tell(trial, [0.9, 1.0])
    with begin(tmp_path / "s") as study:
        (again,) = study.trials
        assert again.values == [0.9, 1.0]
        assert point_of(SPACE, again) == point
    # The journal is text, one object a line.
    assert all(
        line.startswith("{") for line in (tmp_path / "s" / JOURNAL).read_text().split("\n")[:-1]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"network": "c" * 64},
            r"a study that goes on must be of the same network \(hash\), found aaaaaaaaaaaa, "
            r"not cccccccccccc; choose another output folder, or repeat what it was begun with$",
        ),
        ({"held_out": "c" * 64}, r"of the same held-out data \(hash\), found bbbbbbbbbbbb, not"),
        (
            {"space": Space(lanes=(4,)).as_dict()},
            r"same choices of lanes, found 8, 16, 32, 64, 128, not 4",
        ),
        ({"seed": 1}, r"of the same seed, found 0, not 1"),
        (
            {"boards": {"b.json": {"luts": 100, "dsps": 4}}},
            r"of the same board b\.json: dsps, found 3, not 4",
        ),
        (
            {"versions": {"torch": "2.9", "area model": "e" * 64}},
            r"of the same area model \(hash\), found dddddddddddd, not eeeeeeeeeeee",
        ),
    ],
)
def test_another_is_refused(tmp_path, changes, message):
    with begin(tmp_path) as study:
        study.tell(study.ask(), [0.9, 1.0])
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(FileError, match=message), begin(tmp_path, **changes):
        pass
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_what_a_killed_run_was_at_is_queued_again(tmp_path):
    with begin(tmp_path) as study:
        trial = study.ask()
        point = SPACE.suggest(trial)
    with begin(tmp_path) as study:
        assert restart(study) == 1
        assert restart(study) == 0
        assert [each.state for each in study.trials] == [TrialState.FAIL, TrialState.WAITING]
        assert SPACE.suggest(study.ask()) == point


def test_what_failed_is_queued_until_it_was_tried_again(tmp_path):
    with begin(tmp_path) as study:
        for _ in range(2):  # twice the same point
            study.enqueue_trial(dict(SPACE.params(next(SPACE.points()))), skip_if_exists=False)
            trial = study.ask()
            SPACE.suggest(trial)
            trial.set_user_attr(FAILED, "no room")
            study.tell(trial, state=TrialState.FAIL)
        assert restart(study) == 1
        assert restart(study) == 0
        trial = study.ask()
        assert SPACE.suggest(trial) == next(SPACE.points())
        study.tell(trial, [0.9, 1.0])
        assert restart(study) == 0


def test_a_line_that_was_not_finished_is_no_loss(tmp_path):
    with begin(tmp_path) as study:
        study.tell(study.ask(), [0.9, 1.0])
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"op_code": 4, "wor')
    for n in (1, 2):
        with begin(tmp_path) as study:
            assert len(study.trials) == n
            study.tell(study.ask(), [0.9, 1.0])


def test_one_at_a_time(tmp_path):
    with begin(tmp_path):
        with pytest.raises(FileError, match=r"one run at a time may work on a study"):
            with begin(tmp_path):
                pass


@pytest.mark.parametrize("content", ["not a journal\n", "[1]\n", '{"op_code": 99}\n'])
def test_something_else_is_refused(tmp_path, content):
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(FileError), begin(tmp_path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"the study must be readable and writable"):
        with begin(tmp_path / "file" / "s"):
            pass


def test_one_that_nothing_was_asked_of_leaves_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "new" / "s", tmp_path / "mine"):
        with pytest.raises(ValueError, match="planted"), begin(folder):
            raise ValueError("planted")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_one_that_something_was_asked_of_stays(tmp_path):
    with begin(tmp_path) as study:
        study.ask()
    with pytest.raises(ValueError, match="planted"), begin(tmp_path):
        raise ValueError("planted")
    with begin(tmp_path) as study:
        assert len(study.trials) == 1
