"""The command ``control``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, show_summary, working

__all__ = ["control"]


def control(
    out: Annotated[Path, typer.Option(help="Project folder to make.")],
    episodes: Annotated[
        int, typer.Option(min=1, help="Episodes of each policy, all from the same places.")
    ] = 100,
    steps: Annotated[int, typer.Option(min=1, help="The T of stepwise decisions.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of training and of where poles begin.")] = 0,
) -> None:
    """Train a policy that balances a pole on a cart, and let spikes act in its place.

    A float policy of 32 hidden neurons is trained by its gradient, in seconds, and
    converted. Then it acts, and the integer network in each mode in its place: how
    long poles stand (the return, 500 steps at the most), spikes a decision, and
    how often both would have done the same. Every decision begins anew; of equal
    membranes the first acts.

    The project's samples are states, labelled with what the float policy did there,
    so that cosim compares decisions.

    [bold]Example[/]

      spikewright control --out p

      spikewright generate p --mode collapsed

      spikewright cosim p --samples 500
    """
    from spikewright.flow.control import control_stage

    project = control_stage(out, episodes=episodes, steps=steps, seed=seed, working=working)
    show_summary(project.summary, "network", "control")
    say(f"\nAll of it is in {project.root}")
