"""A float policy, trained by its gradient."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .cart_pole import ACTIONS, SENSES, CartPole, Floats
from .episodes import LONGEST

__all__ = ["PolicyTraining", "first_best", "train_policy"]


@dataclass(frozen=True, kw_only=True)
class PolicyTraining:
    """A training run.

    Parameters
    ----------
    hidden : neurons of the one hidden layer. updates : at most so many. episodes : of each update.
    learning_rate : of Adam. discount : of what comes a step later.
    enough : mean return, as a share of the longest, at which training ends.
    """

    hidden: int = 32
    updates: int = 150
    episodes: int = 32
    learning_rate: float = 1e-2
    discount: float = 0.99
    enough: float = 0.98


def train_policy(
    training: PolicyTraining,
    *,
    seed: int = 0,
    longest: int = LONGEST,
    progress: Callable[[int, float], None] | None = None,
) -> torch.nn.Module:
    """Logits of actions for what is seen: a ReLU layer between two linear ones.

    Williams' policy gradient (REINFORCE, Machine Learning 1992): what is done is drawn from the
    policy; its logarithm is weighted with the discounted steps that the pole stood from then on,
    less their mean over the episodes that got as far, in units of their deviation.

    Parameters
    ----------
    progress : called with (updates done, mean return of the last one).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = torch.nn.Sequential(
            torch.nn.Linear(SENSES, training.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(training.hidden, ACTIONS),
        )
        optimiser = torch.optim.Adam(module.parameters(), training.learning_rate)
        for update in range(training.updates):
            world = CartPole(training.episodes, seed=seed * training.updates + update)
            seen, actions, stood = _drawn(module, world, longest)
            weights = _advantages(stood, training.discount)
            picked = torch.log_softmax(module(seen), -1).gather(-1, actions.unsqueeze(-1))
            loss = -(picked.squeeze(-1) * weights).sum() / (weights != 0).sum().clamp(min=1)
            optimiser.zero_grad()
            torch.autograd.backward([loss])
            optimiser.step()
            mean = float(stood.sum()) / training.episodes
            if progress is not None:
                progress(update + 1, mean)
            if mean >= training.enough * longest:
                break
    return module.eval()


@torch.no_grad()
def _drawn(
    module: torch.nn.Module, world: CartPole, longest: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What was seen [steps, n, 4] and done [steps, n], and whether the pole stood after it."""
    seen, done, stood = [], [], []
    for _ in range(longest):
        senses = torch.from_numpy(world.see()).float()
        actions = torch.multinomial(torch.softmax(module(senses), -1), 1).squeeze(-1)
        seen.append(senses)
        done.append(actions)
        world.push(actions.numpy())
        stood.append(torch.from_numpy(world.standing.copy()))
        if not world.standing.any():
            break
    return torch.stack(seen), torch.stack(done), torch.stack(stood)


def _advantages(stood: torch.Tensor, discount: float) -> torch.Tensor:
    """Weights [steps, n]; 0 of steps after the pole had fallen."""
    later = torch.zeros(stood.shape[1])
    returns = torch.zeros(stood.shape)
    for step in range(len(stood) - 1, -1, -1):
        later = stood[step] * (1 + discount * later)
        returns[step] = later
    played = torch.cat([torch.ones_like(stood[:1]), stood[:-1]])
    mean = (returns * played).sum(1, keepdim=True) / played.sum(1, keepdim=True).clamp(min=1)
    weights = (returns - mean) * played
    spread = weights.square().sum() / played.sum()
    return weights / spread.sqrt().clamp(min=1e-6)


def first_best(module: torch.nn.Module) -> Callable[[Floats], npt.NDArray[np.int64]]:
    """The policy that does what has the largest logit, of two that are equal the first."""

    @torch.no_grad()
    def policy(seen: Floats) -> npt.NDArray[np.int64]:
        logits: npt.NDArray[np.float32] = module(torch.from_numpy(seen).float()).numpy()
        # numpy says that the lowest index wins
        actions: npt.NDArray[np.int64] = logits.argmax(1)
        return actions

    return policy
