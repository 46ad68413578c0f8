"""Rows whose networks come of recipes: projects that are made once."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikewright.flow.datasets import Dataset
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.stages import evaluate_stage

from .row import Context

__all__ = ["accuracies", "project_of", "trained_project"]


def project_of(context: Context, name: str, make: Callable[[Path], Any]) -> Project:
    """The project of that name in the study's folder; made where it is not there as a whole."""
    folder = context.out / "projects" / name
    if not folder.is_dir():
        part = folder.with_name(f".{name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was interrupted
        part.parent.mkdir(parents=True, exist_ok=True)
        make(part)
        part.rename(folder)
    return Project(folder)


def trained_project(context: Context, recipe: Any, data: Callable[[], Dataset]) -> Project:
    """The project of a recipe, trained on data that are read when they are needed."""

    def make(folder: Path) -> None:
        recipe.project(folder, data(), seed=context.seed, working=_named(context, recipe.name))

    return project_of(context, recipe.name, make)


def _named(context: Context, name: str) -> Working:
    """Stages that say whose they are."""
    return lambda title: context.working(f"{name}: {title}")


def accuracies(
    context: Context, project: Project, *, steps: tuple[int, ...] = ()
) -> dict[str, Any]:
    """What ``spikewright evaluate`` tells of all held-out samples; told once."""
    if "accuracy" not in project.summary:
        working = _named(context, project.network.name)
        evaluate_stage(project, project.samples, steps=steps, working=working)
    found: dict[str, Any] = project.summary["accuracy"]
    return found
