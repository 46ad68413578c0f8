"""The network as it was trained, in floating point: what a conversion's accuracy is held against.

A project keeps it beside the integer network, so that no later command needs the user's source.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch

from spikewright.flow.importers import Activation, FloatArray, Norm, Stage
from spikewright.golden.errors import FileError

__all__ = ["Original"]

SCHEMA = 1
ENTRY = "spikewright-original"
NORM_ARRAYS = ("gamma", "beta", "mean", "variance")


class Original(torch.nn.Module):
    """Evaluates imported stages in float64, which float training does not reach.

    ``forward`` takes samples [N, ...] and returns logits [N, classes].
    """

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.stages = stages

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        a: FloatArray = np.asarray(x.flatten(1).numpy(), dtype=np.float64)
        for stage in self.stages:
            a = a @ stage.weight.T + stage.bias
            if stage.norm_before is not None:
                a = a * stage.norm_before.gain + stage.norm_before.shift
            if stage.activation is not None:
                a = stage.activation(a)
            if stage.norm_after is not None:
                a = a * stage.norm_after.gain + stage.norm_after.shift
        return torch.from_numpy(a)

    def save(self, path: Path) -> None:
        """Write safetensors with a JSON header."""
        arrays: dict[str, FloatArray] = {}
        header = []
        for index, stage in enumerate(self.stages):
            arrays[f"{index}.weight"] = stage.weight
            arrays[f"{index}.bias"] = stage.bias
            entry: dict[str, object] = {"name": stage.name, "activation": None}
            if stage.activation is not None:
                entry["activation"] = asdict(stage.activation)
            for place in ("norm_before", "norm_after"):
                norm: Norm | None = getattr(stage, place)
                entry[place] = None
                if norm is not None:
                    entry[place] = {"eps": norm.eps, "momentum": norm.momentum}
                    for key in NORM_ARRAYS:
                        arrays[f"{index}.{place}.{key}"] = getattr(norm, key)
            header.append(entry)
        text = json.dumps({"schema": SCHEMA, "stages": header})
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        path.write_bytes(safetensors.numpy.save(contiguous, metadata={ENTRY: text}))

    @classmethod
    def load(cls, path: Path) -> "Original":
        """Read what ``save`` wrote; raises FileError."""
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {})[ENTRY])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header["schema"] != SCHEMA:
                raise ValueError(f"schema {header['schema']}")
            stages = tuple(_stage(index, e, arrays) for index, e in enumerate(header["stages"]))
        except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
            raise FileError(
                "the float network must be a whole file of this version",
                found=f"{type(error).__name__}: {error}",
                where=str(path),
                action="convert the network again",
            ) from error
        return cls(stages)


def _stage(index: int, entry: dict[str, dict[str, float]], arrays: dict[str, FloatArray]) -> Stage:
    def norm(place: str) -> Norm | None:
        if entry[place] is None:
            return None
        return Norm(
            gamma=arrays[f"{index}.{place}.gamma"],
            beta=arrays[f"{index}.{place}.beta"],
            mean=arrays[f"{index}.{place}.mean"],
            variance=arrays[f"{index}.{place}.variance"],
            eps=entry[place]["eps"],
            momentum=entry[place]["momentum"],
        )

    raw = entry["activation"]
    activation = None
    if raw is not None:
        levels = raw["levels"]
        activation = Activation(
            clip=raw["clip"], levels=None if levels is None else int(levels), step=raw["step"]
        )
    return Stage(
        name=str(entry["name"]),
        weight=arrays[f"{index}.weight"],
        bias=arrays[f"{index}.bias"],
        norm_before=norm("norm_before"),
        activation=activation,
        norm_after=norm("norm_after"),
    )
