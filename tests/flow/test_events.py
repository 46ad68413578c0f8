"""Events against a loop over them, and each mistake named with the event that makes it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.events import Binning, EventCount, bin_events, bin_recording
from spikewright.golden.errors import ConfigurationError, RangeError

# As tonic makes them: cameras, and its spoken digits of the Heidelberg data, whose p is always 1.
CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
EAR = np.dtype([("t", int), ("x", int), ("p", int)])


def recording(n, *, width=10, height=6, dtype=CAMERA, seed=0, span=5000):
    rng = np.random.default_rng(seed)
    events = np.zeros(n, dtype)
    events["t"] = 123_456 + np.sort(rng.integers(0, span, n))
    events["x"] = rng.integers(0, width, n)
    events["p"] = 1
    if "y" in dtype.names:
        events["y"] = rng.integers(0, height, n)
        events["p"] = rng.integers(0, 2, n)
    return events


def looped(events, binning):
    """The same by a loop over events and plain numbers."""
    sizes = {"p": binning.polarities, "y": binning.height, "x": binning.width}
    begin, end = (int(events["t"][k]) for k in (0, -1))
    steps = binning.steps or (end - begin) // binning.step_us + 1
    levels = np.zeros((int(steps), *binning.shape), dtype=int)
    seen, found = {}, dict.fromkeys(("late", "crowded", "merged", "clipped", "busiest"), 0)
    for event in events:
        since = int(event["t"]) - begin
        step = (
            since * steps // (end - begin + 1) if not binning.step_us else since // binning.step_us
        )
        if step >= steps:
            found["late"] += 1
            continue
        seen[step] = seen.get(step, 0) + 1
        found["busiest"] = max(found["busiest"], seen[step])
        if binning.most_per_step is not None and seen[step] > binning.most_per_step:
            found["crowded"] += 1
            continue
        place = []
        for axis in binning.axes:
            value = int(event[axis])
            assert value < sizes[axis]
            place.append(value if axis == "p" else value // binning.downsample)
        at = (int(step), *place)
        found["merged"] += levels[at] > 0
        levels[at] += 1
    found["clipped"] = int((levels - binning.level).clip(0).sum())
    found["merged"] = int((levels - 1).clip(0).sum())
    return levels.clip(0, binning.level), found


CAMERA_BINNING = Binning(width=10, height=6, polarities=2, steps=7)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"level": 3},
        {"order": "xyp"},
        {"order": "ypx", "downsample": 2, "level": 2},
        {"downsample": 4, "level": 255},
        {"polarities": 1},
        {"steps": None, "step_us": 250},
        {"step_us": 250},
        {"step_us": 100, "steps": 60, "most_per_step": 4, "level": 2},
        {"step_us": 333.25},
        {"steps": 1},
    ],
)
def test_a_camera_as_a_loop_has_it(changes):
    binning = replace(CAMERA_BINNING, **changes)
    events = recording(600)
    levels, count = bin_recording(events, binning)
    wanted, found = looped(events, binning)
    assert levels.shape == wanted.shape
    assert levels.tolist() == wanted.tolist()
    assert count == EventCount(recordings=1, events=600, **found)
    # What is counted is what is missing.
    assert int(levels.sum()) == 600 - count.late - count.crowded - count.clipped


def test_a_planted_fault_is_seen():
    """The loop above does tell another order of addresses, and an event moved by a step."""
    events = recording(600)
    wanted, _ = looped(events, CAMERA_BINNING)
    other, _ = bin_recording(events, replace(CAMERA_BINNING, order="yxp"))
    assert other.reshape(7, -1).tolist() != wanted.reshape(7, -1).tolist()
    events["t"][1:] += 3000
    moved, _ = bin_recording(events, CAMERA_BINNING)
    assert moved.tolist() != wanted.tolist()


def test_the_flat_address():
    events = np.zeros(1, CAMERA)
    events["x"], events["y"], events["p"] = 7, 3, 1
    for order, address in (("pyx", (1 * 6 + 3) * 10 + 7), ("xyp", (7 * 6 + 3) * 2 + 1)):
        x, _ = bin_events([events], replace(CAMERA_BINNING, order=order))
        assert x.flatten(2).nonzero().tolist() == [[0, 0, address]]


def test_fields_by_name():
    """In any order, of any kind of number, with others that are not looked at."""
    events = recording(300)
    wanted, _ = bin_recording(events, CAMERA_BINNING)
    other = np.zeros(
        300, [("p", "u1"), ("label", "U3"), ("t", "f8"), ("y", "f4"), ("extra", "2i4"), ("x", "u2")]
    )
    for name in CAMERA.names:
        other[name] = events[name]
    found, _ = bin_recording(other, CAMERA_BINNING)
    assert found.tolist() == wanted.tolist()


def test_an_ear():
    binning = Binning(width=700, step_us=1000, steps=5, level=2)
    events = recording(400, width=700, dtype=EAR)
    levels, count = bin_recording(events, binning)
    assert levels.shape == (5, 700)
    assert levels.tolist() == looped(events, binning)[0].tolist()
    assert count.late == 0
    # Two values of p are two ears.
    two, _ = bin_recording(events, replace(binning, polarities=2))
    assert two.shape == (5, 2, 700)
    assert two[:, 1].tolist() == levels.tolist() and not two[:, 0].any()


def test_recordings_of_unequal_length():
    """Without a number of steps, the longest says it, and others end in silence."""
    long, short = recording(100, span=5000), recording(50, span=2000, seed=1)
    empty = np.zeros(0, CAMERA)
    binning = replace(CAMERA_BINNING, steps=None, step_us=500)
    x, count = bin_events([long, empty, short], binning)
    assert x.dtype == torch.float32 and x.shape == (3, 10, 2, 6, 10)
    assert not bool(x[1].any()) and not bool(x[2, 4:].any()) and bool(x[2, :4].any())
    parts = [bin_recording(each, binning)[1] for each in (long, empty, short)]
    assert count == parts[0].plus(parts[1]).plus(parts[2])
    assert (count.recordings, count.empty, count.events) == (3, 1, 150)
    assert count.busiest == max(each.busiest for each in parts)


def test_an_empty_recording_is_silent_and_said():
    for changes in ({}, {"steps": None, "step_us": 10}):
        binning = replace(CAMERA_BINNING, **changes)
        levels, count = bin_recording(np.zeros(0, CAMERA), binning)
        assert levels.shape == (binning.steps or 1, 2, 6, 10) and not levels.any()
        assert count == EventCount(recordings=1, empty=1)


def without(*names):
    return recording(5)[[name for name in CAMERA.names if name not in names]]


def changed(name, at, value, *, dtype=CAMERA):
    events = recording(20, dtype=dtype)
    events[name][at] = value
    return events


FLOATS = np.dtype([("x", "f8"), ("y", "i4"), ("t", "f8"), ("p", "i4")])


@pytest.mark.parametrize(
    ("events", "kind", "text"),
    [
        (
            without("t"),
            ConfigurationError,
            "here: a recording must have the field t, found x, y, p",
        ),
        (
            without("p"),
            ConfigurationError,
            "here: a recording must have the field p, found x, y, t",
        ),
        (
            without("y"),
            ConfigurationError,
            "here: a recording must have the field y, found x, t, p",
        ),
        (changed("x", 4, 10), RangeError, r"here: x of event 4 must lie in 0\.\.9, .*, found 10"),
        (changed("y", 7, -1), RangeError, r"here: y of event 7 must lie in 0\.\.5, .*, found -1"),
        (changed("p", 3, 2, dtype=FLOATS), RangeError, r"p of event 3 must lie in 0\.\.1, .* 2"),
        (changed("p", 3, -1, dtype=FLOATS), RangeError, "p of event 3 .* -1; give 1 and 0 for"),
        (
            changed("t", 9, 5),
            ConfigurationError,
            r"here: time must not go backwards: event 9 must not be before \d+ us, found 5 us",
        ),
        (changed("x", 2, 1.5, dtype=FLOATS), ConfigurationError, "x of event 2 must be a whole"),
        (changed("t", 2, np.nan, dtype=FLOATS), ConfigurationError, "t of event 2 .*, found nan"),
        (changed("t", 19, 2**60), ConfigurationError, r"t of event 19 .* below 2\*\*53"),
        (np.zeros(3), ConfigurationError, r"here: a recording must be a structured array"),
        (np.zeros((3, 1), CAMERA), ConfigurationError, r"structured array .* shape \[3, 1\]"),
        (
            np.zeros(3, [("x", "U2"), ("y", int), ("t", int), ("p", int)]),
            ConfigurationError,
            "here: the field x must be of numbers, one an event, found <U2",
        ),
    ],
)
def test_what_is_refused(events, kind, text):
    with pytest.raises(kind, match=text):
        bin_recording(events, CAMERA_BINNING, "here")


def test_a_row_beyond_a_sensor_of_one_row():
    """A y that is there counts, even where the sensor is said to have none."""
    with pytest.raises(RangeError, match=r"y of event \d+ must lie in 0\.\.0, on the sensor"):
        bin_recording(recording(20), Binning(width=10, steps=3))


def test_a_sample_too_large():
    events = changed("t", 19, 2**50)
    with pytest.raises(ConfigurationError, match="at most 268435456 values, .*; give longer steps"):
        bin_recording(events, replace(CAMERA_BINNING, step_us=1, steps=None))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"width": 0}, "width: must be an integer of at least 1, found 0"),
        ({"level": 256}, "level: must be at most 255, found 256"),
        ({"steps": 0}, "steps: must be an integer of at least 1, found 0"),
        ({"steps": None}, "the length of a step, or the number of steps, must be given"),
        ({"step_us": -1.0}, "step_us: must be a time above 0, found -1.0"),
        ({"most_per_step": 0}, "most_per_step: must be an integer of at least 1"),
        ({"order": "yx"}, "order: order must name each axis .*, found 'yx' .*; give 'pyx'"),
        ({"order": "pyxx"}, "order: order must name each axis"),
        ({"polarities": 1, "order": "pyx"}, "found 'pyx' for the sizes p 1, y 6, x 10; give 'yx'"),
    ],
)
def test_bad_binnings(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        replace(CAMERA_BINNING, **changes)


def test_no_recording():
    with pytest.raises(ConfigurationError, match="at least one recording, found none"):
        bin_events([], CAMERA_BINNING)
