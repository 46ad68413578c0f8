"""The front against its definition; the files."""

import csv
import io
import random

import pytest

from spikewright.flow.explore.front import COLUMNS, Cost, Found, as_csv, front
from spikewright.flow.explore.plot import plot_front
from spikewright.flow.explore.space import Point
from spikewright.golden.spec import Mode

FIGURES = dict.fromkeys(COLUMNS, 0)


def found(number, accuracy, sample_us, luts, board="icebreaker"):
    point = Point(
        weight_bits=4, levels=1, mode=Mode.SETTLE, steps=None, lanes=number + 1, board=board
    )
    figures = FIGURES | {"accuracy": accuracy, "sample_us": sample_us, "luts": luts}
    return Found(number=number, point=point, figures=figures)


def naive(points, costs):
    """What no other point equals or beats in everything, but for equals that came later."""

    def rating(each):
        return (-each.accuracy, *(each.figures[cost.figure] for cost in costs))

    def beats(a, b):
        worse = any(x > y for x, y in zip(rating(a), rating(b), strict=True))
        return not worse and (rating(a) != rating(b) or a.number < b.number)

    return {b for b in points if not any(beats(a, b) for a in points if a is not b)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("costs", [(Cost.TIME,), (Cost.TIME, Cost.AREA)])
def test_front(seed, costs):
    draw = random.Random(seed)
    points = [
        found(k, draw.randint(0, 6), draw.randint(0, 6), draw.randint(0, 6)) for k in range(30)
    ]
    best = front(points, costs)
    assert {each.number for each in best} == {each.number for each in naive(points, costs)}
    assert [each.accuracy for each in best] == sorted((e.accuracy for e in best), reverse=True)


def test_rows():
    rows = [found(3, 0.9, 2.5, 10).row(True), found(4, 0.8, 1.5, 20).row(False)]
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert tuple(read[0]) == COLUMNS
    assert (read[0]["number"], read[0]["front"], read[0]["accuracy"]) == ("3", "True", "0.9")
    assert (read[1]["mode"], read[1]["steps"], read[1]["luts"]) == ("settle", "", "20")


def test_plot(tmp_path):
    points = [found(1, 0.9, 2.5, 10), found(2, 0.8, 0.5, 20, "ulx3s-85f"), found(3, 0.7, 3, 30)]
    plot_front(points, points[:2], (Cost.TIME, Cost.AREA), tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    # Nothing found is a picture too.
    plot_front([], [], (Cost.TIME,), tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000
