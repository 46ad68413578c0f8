"""Collects linear layers, norms and activations, in the order met, into stages."""

from dataclasses import replace
from math import prod

import numpy as np

from spikewright.flow.importers.stages import Activation, FloatArray, Norm, Stage
from spikewright.golden.errors import UnsupportedError

__all__ = ["Chain"]


class Chain:
    """The stages read so far; each call adds one layer or refuses it with the reason."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._n = prod(shape)
        self._done: list[Stage] = []
        self._open: Stage | None = None
        self._input: tuple[FloatArray, FloatArray] | None = None

    def linear(self, name: str, weight: FloatArray, bias: FloatArray) -> None:
        """A Linear: starts a stage, or merges with the one before that has no activation."""
        if self._input is not None:
            gain, shift = self._input
            weight, bias = weight * gain, bias + weight @ shift
            self._input = None
        previous = self._open
        if previous is not None and previous.activation is None:
            merged, apart = weight.shape[0] * previous.n_in, weight.size + previous.weight.size
            if merged > apart:
                raise UnsupportedError(
                    "two Linear layers without an activation between are merged into one, which "
                    "must not have more weights than both",
                    found=f"{merged} instead of {apart}",
                    where=f"{previous.name}, {name}",
                    action="put an activation between them",
                )
            first = _fold(previous)
            name, bias = f"{previous.name}+{name}", weight @ first.bias + bias
            weight = weight @ first.weight
        elif previous is not None:
            self._done.append(previous)
        self._open = Stage(name=name, weight=weight, bias=bias)

    def norm(self, name: str, norm: Norm) -> None:
        """A batch norm: of the input, before an activation, or after it."""
        stage = self._open
        n = self._n if stage is None else stage.weight.shape[0]
        if norm.gain.size != n:
            raise UnsupportedError(
                "a batch norm must normalise every value by itself",
                found=f"{norm.gain.size} channels of {n} values",
                where=name,
                action="flatten in front of it",
            )
        if stage is None:
            gain, shift = self._input or (np.ones(self._n), np.zeros(self._n))
            self._input = (gain * norm.gain, shift * norm.gain + norm.shift)
        elif stage.activation is None:
            before = stage.norm_before
            both = norm if before is None else before.then(norm.gain, norm.shift)
            self._open = replace(stage, norm_before=both)
        else:
            after = stage.norm_after
            both = norm if after is None else after.then(norm.gain, norm.shift)
            self._open = replace(stage, norm_after=both)

    def activation(self, name: str, activation: Activation) -> None:
        """A ReLU of some kind; a second one directly after the first can only clip lower."""
        stage = self._open
        if stage is None:
            raise UnsupportedError(
                "an activation must follow a Linear",
                found="an activation of the input itself",
                where=name,
                action="apply it to the data instead",
            )
        if stage.activation is None:
            self._open = replace(stage, activation=activation)
            return
        if stage.norm_after is not None:
            raise UnsupportedError(
                "there must be a Linear between two activations",
                found="a second activation after a batch norm",
                where=name,
            )
        if activation.step is not None or stage.activation.step is not None:
            raise UnsupportedError(
                "a quantised activation must stand alone",
                found="another activation directly beside it",
                where=name,
            )
        clips = [a.clip for a in (stage.activation, activation) if a.clip is not None]
        clip = min(clips) if clips else None
        self._open = replace(stage, activation=Activation(clip=clip))

    def stages(self) -> tuple[Stage, ...]:
        """All stages; the last is the readout."""
        if self._open is None:
            raise UnsupportedError("a network must have a Linear layer", found="none")
        if self._open.activation is not None:
            raise UnsupportedError(
                "the last layer must be a Linear, whose outputs are compared",
                found="an activation or batch norm after the last activation",
                where=self._open.name,
                action="drop it: the largest logit decides",
            )
        return (*self._done, _fold(self._open))


def _fold(stage: Stage) -> Stage:
    """The stage with its norm in weight and bias: there is no threshold to carry it."""
    norm = stage.norm_before
    if norm is None:
        return stage
    return replace(
        stage,
        weight=stage.weight * norm.gain[:, None],
        bias=stage.bias * norm.gain + norm.shift,
        norm_before=None,
    )
