"""What the parent process hands to the simulation, and what it gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import MismatchError, RangeError
from spikewright.golden.spec import Network

from .layout import Layout, Words
from .manifest import Manifest
from .streams import OUTPUT, TokenStream

__all__ = ["Setup", "Vectors", "build_vectors", "load_vectors", "save_vectors"]

Array = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One co-simulation: where it runs and how. Stored as ``setup.json`` beside its vectors."""

    generated: str
    simulator: str
    folder: str
    batch: int
    watchdog: int
    input_pattern: str
    output_pattern: str
    optimise: str = "-O3"

    def save(self) -> Path:
        """Write the file and return its path."""
        path = Path(self.folder) / "setup.json"
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> "Setup":
        """Read the file."""
        return cls(**read_json(path))


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """Words that go in, words that must come out, and what the counters must count.

    ``words[k]`` and ``starts[k]`` belong to stream k of the manifest's probes; ``counters``
    [cores, 4, samples] are rows, synops, spikes in and spikes out.
    """

    input_words: Words
    input_starts: Array
    words: tuple[Words, ...]
    starts: tuple[Array, ...]
    counters: Array

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.input_starts.size - 1


def build_vectors(
    network: Network, manifest: Manifest, streams: Mapping[str, TokenStream]
) -> Vectors:
    """Pack the expected streams as the hardware lays them out.

    Raises
    ------
    MismatchError
        If a token does not fit the hardware's layout, or a population has no probe.
    """
    probed = {probe.name for probe in manifest.probes}
    for population in network.populations:
        if population.name not in probed:
            raise MismatchError(
                "every population must be watched",
                found="no probe",
                where=f"population {population.name!r}",
            )
    source = network.inputs[0].name
    return Vectors(
        input_words=_pack(manifest.input_layout, streams[source], f"input {source!r}"),
        input_starts=streams[source].starts,
        words=tuple(_pack(p.layout, streams[p.name], _title(p.name)) for p in manifest.probes),
        starts=tuple(streams[p.name].starts for p in manifest.probes),
        counters=_counters(network, manifest, streams),
    )


def save_vectors(path: Path, vectors: Vectors) -> None:
    """Write vectors as npz."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "input_words": vectors.input_words,
        "input_starts": vectors.input_starts,
        "counters": vectors.counters,
    }
    for index, (words, starts) in enumerate(zip(vectors.words, vectors.starts, strict=True)):
        arrays[f"words_{index}"] = words
        arrays[f"starts_{index}"] = starts
    np.savez(path, allow_pickle=False, **arrays)


def load_vectors(path: Path, streams: int) -> Vectors:
    """Read vectors of so many streams."""
    with np.load(path, allow_pickle=False) as data:
        return Vectors(
            input_words=data["input_words"],
            input_starts=data["input_starts"],
            words=tuple(data[f"words_{k}"] for k in range(streams)),
            starts=tuple(data[f"starts_{k}"] for k in range(streams)),
            counters=data["counters"],
        )


def _title(name: str) -> str:
    return "output" if name == OUTPUT else f"population {name!r}"


def _pack(layout: Layout, stream: TokenStream, where: str) -> Words:
    try:
        return layout.pack(stream.kind, stream.address, stream.payload)
    except RangeError as error:
        raise MismatchError(
            f"the hardware's stream must carry every golden token: {error.must}",
            found=error.found,
            where=where,
        ) from error


def _counters(network: Network, manifest: Manifest, streams: Mapping[str, TokenStream]) -> Array:
    n = {population.name: population.n for population in network.populations}
    rows: list[Sequence[Array]] = []
    for core in manifest.cores:
        sources = [c.source for c in network.connections if c.target == core.population]
        spikes_in = np.sum([streams[s].spikes_per_sample for s in sources], axis=0)
        groups = -(-n[core.population] // core.lanes)
        spikes_out = streams[core.population].spikes_per_sample
        rows.append((spikes_in * groups, spikes_in * n[core.population], spikes_in, spikes_out))
    return np.array(rows, dtype=np.int64)
