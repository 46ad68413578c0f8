"""Coefficients of counted features, fitted to a recorded sweep; and what they predict."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from .counted import Features
from .features import part_of_model

__all__ = ["Coefficients", "Sample", "fit", "predict"]

Coefficients = Mapping[str, float]
"""By ``part.feature``, at least 0."""

# What a coefficient's distance from what is expected weighs, against errors of the designs; and,
# where nothing is expected, from nothing.
_TRUST = 8.0
_RIDGE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A design: ``total`` of it, and of each part as recorded, with the features of its parts."""

    total: float
    parts: Mapping[str, float]
    features: Mapping[str, Features]


def fit(samples: Sequence[Sample], expected: Coefficients) -> dict[str, float]:
    """Non-negative least squares of the relative errors, of parts and of whole designs.

    Where designs say little of a feature, its coefficient stays near what is ``expected``.
    """
    names = sorted({name for each in samples for name in _terms(each.features)})
    places = {name: k for k, name in enumerate(names)}
    rows, wanted = [], []
    for sample in samples:
        recorded: dict[str, float] = defaultdict(float)
        for part, count in sample.parts.items():
            recorded[part_of_model(part)] += count
        whole = np.zeros(len(names))
        for part, features in sample.features.items():
            row = np.zeros(len(names))
            for name, count in _terms({part: features}).items():
                row[places[name]] = count
            whole += row
            rows.append(row / sample.total)
            wanted.append(recorded[part] / sample.total)
        rows.append(whole / sample.total)
        wanted.append(1.0)
    weight = np.sqrt(np.mean(np.square(rows), axis=0))
    for name, k in places.items():
        trust = _TRUST * weight[k] if name in expected else _RIDGE
        rows.append(trust * np.eye(len(names))[k])
        wanted.append(trust * expected.get(name, 0.0))
    found, _ = nnls(np.array(rows), np.array(wanted), maxiter=100 * len(names))
    return {name: round(float(found[k]), 4) for name, k in places.items() if found[k] > 0}


def predict(features: Mapping[str, Features], coefficients: Coefficients) -> float:
    """What the features of all parts add up to."""
    terms = _terms(features)
    return sum(coefficients.get(name, 0.0) * count for name, count in terms.items())


def _terms(features: Mapping[str, Features]) -> dict[str, float]:
    """Features of the same kind of part in all cores are one."""
    found: dict[str, float] = defaultdict(float)
    for part, counts in features.items():
        kind = part.rpartition(".")[2]
        for name, count in counts.items():
            found[f"{kind}.{name}"] += count
    return found
