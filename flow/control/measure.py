"""The whole way of a policy: train, convert, and hold its episodes against the float ones."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

from .cart_pole import SENSES
from .episodes import LONGEST, Outcome, run_episodes
from .policy import PolicyTraining, first_best, train_policy
from .spiking_policy import SpikingPolicy

__all__ = ["CART_POLE", "control_stage"]

CART_POLE = ConvertConfig(name="cart-pole", weight_bits=6, levels=15, input_levels=127)
CALIBRATING, JUDGED = 1 << 31, 1 << 32  # worlds that no training has
MOST_STATES = 2000  # that calibrate, and that the project keeps


def control_stage(
    out: Path,
    *,
    episodes: int = 100,
    steps: int = 16,
    seed: int = 0,
    training: PolicyTraining | None = None,
    longest: int = LONGEST,
    working: Working = silent,
) -> Project:
    """Make a project of a policy that balances a pole, with the returns of every mode.

    A small one, in place of the drone of Zanatta et al. (Neurocomputing 2023), whose text was not
    at hand. The project's samples are states that the float policy saw in other episodes, spread
    evenly, with what it did as labels: co-simulation of them is that of decisions.

    Parameters
    ----------
    out : the project folder. episodes : of each policy, all from the same places.
    steps : T of stepwise decisions. seed : of all that is random. longest : steps of an episode.

    Raises
    ------
    ConfigurationError
        If there is no episode, or ``steps`` are more than the network's.
    """
    if episodes < 1:
        raise ConfigurationError("must be at least 1", found=str(episodes), where="episodes")
    if not 1 <= steps <= CART_POLE.most_steps:
        raise ConfigurationError(
            f"must be 1 to {CART_POLE.most_steps}", found=str(steps), where="steps"
        )
    check_output(out)
    start = time.perf_counter()
    chosen = training or PolicyTraining()
    with working("train") as advance:

        def tell(done: int, mean: float) -> None:
            advance(done / chosen.updates, f"return {mean:.0f}")

        module = train_policy(chosen, seed=seed, longest=longest, progress=tell)
    trained = time.perf_counter() - start
    policy = first_best(module)
    states = _states(run_episodes(policy, episodes, seed=CALIBRATING + seed, longest=longest))
    conversion = convert(module, states.x, CART_POLE)
    original = Original(import_module(module, (SENSES,)))
    project = Project.create(out, conversion.network, original, states)
    figures: dict[str, Any] = {"episodes": episodes, "longest": longest, "modes": {}}
    with working("episodes") as advance:
        wanted = run_episodes(policy, episodes, seed=JUDGED + seed, longest=longest)
        figures |= {"float_return": _mean(wanted)}
        for k, mode in enumerate(Mode):
            advance((k + 1) / (len(Mode) + 1), mode)
            own = SpikingPolicy(
                conversion.network, mode=mode, steps=steps if mode is Mode.STEPWISE else None
            )
            found = run_episodes(own, episodes, seed=JUDGED + seed, longest=longest)
            figures["modes"][f"{mode} T={steps}" if own.steps else str(mode)] = {
                "return": _mean(found),
                "events_per_decision": own.events / own.decisions,
                "same_actions": float((policy(found.seen) == found.actions).mean()),
            }
    seconds = time.perf_counter() - start
    project.record({"control": figures}, {"train": trained, "episodes": seconds - trained})
    return project


def _mean(outcome: Outcome) -> float:
    return float(outcome.returns.mean())


def _states(outcome: Outcome) -> Samples:
    """States evenly spread over all that were seen, and what was done."""
    at = np.linspace(0, len(outcome.seen) - 1, min(MOST_STATES, len(outcome.seen))).astype(int)
    return Samples(
        x=torch.from_numpy(outcome.seen[at]).float(), y=torch.from_numpy(outcome.actions[at])
    )
