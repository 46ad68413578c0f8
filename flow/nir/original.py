"""The file itself, kept beside the integer network: what its accuracy is held against."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import UnsupportedError

from .discretisation import Discretisation
from .graph import read_graph
from .reference import Reference

__all__ = ["NirOriginal"]

FILE = "original.nir"
RULE = "discretisation.json"


class NirOriginal(torch.nn.Module):
    """Runs a NIR file's network in double precision.

    ``forward`` takes samples [N, steps, *shape] and returns the readout's spike counts, or its
    membranes where it never fires, [N, *shape] of the readout.

    Parameters
    ----------
    path : the file. rule : how it goes in steps. shape : of its input, where the file does not say.
        where : what messages call it.
    """

    def __init__(
        self,
        path: Path,
        rule: Discretisation,
        *,
        shape: tuple[int, ...] | None = None,
        where: str | None = None,
    ) -> None:
        super().__init__()
        self.path, self.rule = Path(path), rule
        graph = read_graph(self.path)
        shapes: Mapping[str, tuple[int, ...]] = {}
        if shape is not None:
            shapes = dict.fromkeys(graph.inputs, shape)
        self.reference = Reference(graph, rule, shapes=shapes, where=where or str(path))
        if len(graph.inputs) != 1:
            raise UnsupportedError(
                "a network must have one input, of which samples are made",
                found=", ".join(graph.inputs),
                where=where or str(path),
                action="join the inputs to one before the export",
            )
        (self.input,) = graph.inputs

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Counts or membranes."""
        shape = self.reference.shapes[self.input]
        traces = self.reference.run({self.input: x.reshape(*x.shape[:2], *shape)})
        read = self.reference.graph.outputs[0]
        fires = self.reference.dynamics[read].threshold is not None
        values = traces.spikes[read].sum(dim=0) if fires else traces.membranes[read][-1]
        return values.reshape(len(x), *self.reference.shapes[read])

    def save(self, folder: Path) -> None:
        """Copy the file, and write the discretisation beside it."""
        shutil.copyfile(self.path, folder / FILE)
        shape = list(self.reference.shapes[self.input])
        write_json(folder / RULE, {"shape": shape, "rule": self.rule.as_dict()})

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether a folder has one."""
        return (folder / FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "NirOriginal":
        """Read what ``save`` wrote."""
        data = read_json(folder / RULE)
        rule = Discretisation.from_dict(data["rule"], where=str(folder / RULE))
        return cls(folder / FILE, rule, shape=tuple(data["shape"]))
