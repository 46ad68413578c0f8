"""Policies that act: trained by reinforcement, made spiking, and run in a closed loop."""

from .cart_pole import CartPole
from .episodes import Outcome, Policy, run_episodes
from .measure import control_stage
from .policy import PolicyTraining, train_policy
from .spiking_policy import SpikingPolicy

__all__ = [
    "CartPole",
    "Outcome",
    "Policy",
    "PolicyTraining",
    "SpikingPolicy",
    "control_stage",
    "run_episodes",
    "train_policy",
]
