"""A pole that stands on a cart, many at a time: push the cart left or right to keep it standing."""

from math import pi

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIONS", "SENSES", "CartPole", "Floats"]

Floats = npt.NDArray[np.float64]

ACTIONS = 2
SENSES = 4
GRAVITY = 9.8  # m/s^2
CART, POLE = 1.0, 0.1  # kg
HALF = 0.5  # m, from the pivot to the middle of the pole
FORCE = 10.0  # N
STEP = 0.02  # s
TRACK = 2.4  # m to either side
LEAN = 12 * pi / 180  # rad to either side
START = 0.05  # of all four, in m, m/s, rad, rad/s
FAST = 3.0  # m/s and rad/s that are seen as 1


class CartPole:
    """Carts with poles, after Barto, Sutton and Anderson (IEEE SMC 1983), without friction.

    With x the cart's place, a the pole's angle, F the force, M the mass of both, m and l the pole's
    mass and half length::

        q   = (F + m l a'^2 sin a) / M
        a'' = (g sin a - q cos a) / (l (4/3 - m cos^2 a / M))
        x'' = q - m l a'' cos a / M

    Euler's method, places before speeds, in steps of 20 ms. A pole has fallen when it leans by more
    than 12 degrees or its cart is more than 2.4 m away. All four numbers begin within 0.05 of 0.

    Parameters
    ----------
    n : how many. seed : of where they begin.

    Attributes
    ----------
    state : x, x', a, a' of each, [n, 4]. standing : [n], of each whether it has not fallen yet.
    """

    def __init__(self, n: int, *, seed: int) -> None:
        self.state: Floats = np.random.default_rng(seed).uniform(-START, START, (n, SENSES))
        self.standing = np.ones(n, np.bool_)

    def see(self) -> Floats:
        """What a policy sees, [n, 4]: the numbers in shares of their bounds, cut at -1 and 1."""
        return np.clip(self.state / (TRACK, FAST, LEAN, FAST), -1.0, 1.0)

    def push(self, actions: npt.NDArray[np.int64]) -> None:
        """A step with a push to the left where an action is 0, to the right where it is 1.

        What has fallen lies still.
        """
        x, dx, a, da = self.state.T
        mass = CART + POLE
        force = np.where(actions == 1, FORCE, -FORCE)
        sine, cosine = np.sin(a), np.cos(a)
        q = (force + POLE * HALF * da**2 * sine) / mass
        dda = (GRAVITY * sine - q * cosine) / (HALF * (4 / 3 - POLE * cosine**2 / mass))
        ddx = q - POLE * HALF * dda * cosine / mass
        moved = self.state + STEP * np.stack([dx, ddx, da, dda], axis=1)
        self.state = np.where(self.standing[:, None], moved, self.state)
        x, _, a, _ = self.state.T
        self.standing &= (np.abs(x) <= TRACK) & (np.abs(a) <= LEAN)
