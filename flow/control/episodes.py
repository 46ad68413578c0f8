"""Policies in a closed loop with what they control."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .cart_pole import CartPole, Floats

__all__ = ["LONGEST", "Outcome", "Policy", "run_episodes"]

LONGEST = 500
"""Steps after which an episode ends, whatever stands."""

Policy = Callable[[Floats], npt.NDArray[np.int64]]
"""Actions [n] for what is seen, [n, 4]; nothing is remembered from one to the next."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """Of each episode the steps that its pole stood, [episodes]: its return. Of each decision what
    was seen, [decisions, 4], and done, [decisions].
    """

    returns: npt.NDArray[np.int64]
    seen: Floats
    actions: npt.NDArray[np.int64]


def run_episodes(policy: Policy, episodes: int, *, seed: int, longest: int = LONGEST) -> Outcome:
    """Run as many episodes, each to its end; all of one step decide together.

    Parameters
    ----------
    policy : what decides. episodes : how many, from the places that ``seed`` gives.
    longest : the most steps of one.
    """
    world = CartPole(episodes, seed=seed)
    returns = np.zeros(episodes, np.int64)
    seen, done = [], []
    for _ in range(longest):
        at = np.flatnonzero(world.standing)
        if not at.size:
            break
        senses = world.see()[at]
        actions = policy(senses)
        seen.append(senses)
        done.append(actions)
        everybody = np.zeros(episodes, np.int64)
        everybody[at] = actions
        world.push(everybody)
        returns += world.standing
    return Outcome(returns=returns, seen=np.concatenate(seen), actions=np.concatenate(done))
