"""Motion of the pole, by hand and by what physics keeps."""

from math import pi

import numpy as np
import pytest

from spikewright.flow.control import CartPole, run_episodes
from spikewright.flow.control import cart_pole as physics


def one(*state: float) -> CartPole:
    world = CartPole(1, seed=0)
    world.state = np.array([state])
    return world


def test_a_step_by_hand() -> None:
    """From rest to the right: q = 10 / 1.1, a'' = -q / (0.5 (4/3 - 0.1 / 1.1)), x'' = q - .."""
    world = one(0.0, 0.0, 0.0, 0.0)
    world.push(np.array([1]))
    q = 10 / 1.1
    dda = -q / (0.5 * (4 / 3 - 0.1 / 1.1))
    ddx = q - 0.1 * 0.5 * dda / 1.1
    assert world.state[0] == pytest.approx([0, 0.02 * ddx, 0, 0.02 * dda])
    # Places follow speeds a step later, and left is the mirror of right.
    world.push(np.array([1]))
    assert world.state[0, [0, 2]] == pytest.approx([0.02**2 * ddx, 0.02**2 * dda])
    other = one(0.0, 0.0, 0.0, 0.0)
    for _ in range(2):
        other.push(np.array([0]))
    assert other.state == pytest.approx(-world.state)


def test_without_a_force_energy_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Euler's method keeps it up to the length of a step: a tenth of it loses a tenth as much."""

    def energy(world: CartPole) -> float:
        _, dx, a, da = world.state[0]
        m, half, g = physics.POLE, physics.HALF, physics.GRAVITY
        moving = (physics.CART + m) * dx**2 / 2 + m * half * dx * da * np.cos(a)
        turning = m * (4 / 3) * half**2 * da**2 / 2
        return float(moving + turning + m * g * half * np.cos(a))

    monkeypatch.setattr(physics, "FORCE", 0.0)
    lost = []
    for step in (1e-3, 1e-4):
        monkeypatch.setattr(physics, "STEP", step)
        world = one(0.0, 0.1, 0.02, 0.05)
        before = energy(world)
        for _ in range(round(0.2 / step)):
            world.push(np.array([0]))
        lost.append(abs(energy(world) - before))
    assert lost[0] < 1e-3 and lost[1] < lost[0] / 5


def test_what_has_fallen_lies_still() -> None:
    world = CartPole(3, seed=0)
    world.state = np.array([[2.399, 3.0, 0, 0], [0, 0, 12 * pi / 180 - 1e-3, 1.0], [0, 0, 0, 0]])
    world.push(np.array([1, 1, 1]))
    assert world.standing.tolist() == [False, False, True]
    there = world.state.copy()
    world.push(np.array([0, 0, 0]))
    assert world.state[:2].tolist() == there[:2].tolist()
    assert world.state[2].tolist() != there[2].tolist()
    assert np.abs(world.see()).max() <= 1


def test_episodes_count_the_steps_that_a_pole_stood() -> None:
    def always_left(seen: np.ndarray) -> np.ndarray:
        return np.zeros(len(seen), np.int64)

    found = run_episodes(always_left, 20, seed=1)
    assert found.returns.min() > 5 and found.returns.max() < 15
    assert len(found.seen) == len(found.actions) == (found.returns + 1).sum()
    again = run_episodes(always_left, 20, seed=1)
    assert again.returns.tolist() == found.returns.tolist()
    assert run_episodes(always_left, 4, seed=1, longest=3).returns.tolist() == [3] * 4
