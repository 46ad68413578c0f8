"""What the parent process hands to the simulation, and what it gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.flow.files import read_json, write_json
from spikewright.golden.errors import MismatchError, RangeError
from spikewright.golden.spec import Network

from .layout import Layout, Words
from .manifest import Manifest
from .streams import OUTPUT, TokenStream, frame_name, sent_name
from .work import CoreWork

__all__ = ["Setup", "Vectors", "build_vectors", "load_vectors", "save_vectors"]

Array = npt.NDArray[np.int64]
_INPUT_LISTS = ("input_words", "input_starts")
_LISTS = (*_INPUT_LISTS, "words", "starts")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One co-simulation: where it runs and how. Stored as ``setup.json`` beside its vectors.

    ``samples``: how many there are; ``batch``: those that are sent back to back.
    A pattern has 1 in the cycles in which a token may move; there is one for each input. ``steps``
    is the T of samples that come as frames. ``record``: nothing is compared, and what guards let
    through is kept in ``recorded.npz``. ``cuts``: the samples at which another process begins.
    ``cells``: files of a netlist and of its cells' models, to be simulated in place of the
    generated Verilog.
    """

    generated: str
    simulator: str
    folder: str
    batch: int
    samples: int
    watchdog: int
    input_patterns: list[str]
    output_pattern: str
    steps: int = 1
    optimise: str = "-O3"
    record: bool = False
    cuts: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

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
    """Words that go in, tokens that must come out, and what the counters must count.

    ``input_words[k]`` and ``input_starts[k]`` belong to input k, ``words[k]`` and ``starts[k]`` to
    stream k of the manifest's probes; ``counters`` [cores, 4, samples] are rows, synops, spikes in
    and spikes out. ``exact`` [cores]: whether rows and synops are all of the core's; elsewhere it
    has more of them, as many as the order of its events asks for.
    """

    input_words: tuple[Words, ...]
    input_starts: tuple[Array, ...]
    words: tuple[Words, ...]
    starts: tuple[Array, ...]
    counters: Array
    exact: npt.NDArray[np.bool_]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.input_starts[0].size - 1


def build_vectors(
    network: Network,
    manifest: Manifest,
    streams: Mapping[str, TokenStream],
    work: Sequence[CoreWork],
) -> Vectors:
    """Pack the expected streams as the hardware lays them out; ``work`` is that of each core.

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
    guarded = {guard.input for guard in manifest.guards}
    names = [
        frame_name(each.name)
        if each.frames
        else sent_name(each.name)
        if each.name in guarded
        else each.name
        for each in manifest.inputs
    ]
    sent = []
    for source, name in zip(manifest.inputs, names, strict=True):
        tokens = _pack(source.layout, streams[name], f"input {source.name!r}")
        sent.append(source.layout.gather(tokens, streams[name].starts))
    return Vectors(
        input_words=tuple(words for words, _ in sent),
        input_starts=tuple(starts for _, starts in sent),
        words=tuple(_pack(p.layout, streams[p.name], _title(p.name)) for p in manifest.probes),
        starts=tuple(streams[p.name].starts for p in manifest.probes),
        counters=np.array([core.counters(streams) for core in work], dtype=np.int64),
        exact=np.array([core.exact for core in work], dtype=np.bool_),
    )


def save_vectors(path: Path, vectors: Vectors) -> None:
    """Write vectors as npz."""
    arrays: dict[str, npt.NDArray[Any]] = {"counters": vectors.counters, "exact": vectors.exact}
    for name in _LISTS:
        for index, array in enumerate(getattr(vectors, name)):
            arrays[f"{name}_{index}"] = array
    np.savez(path, allow_pickle=False, **arrays)


def load_vectors(path: Path, *, inputs: int, streams: int) -> Vectors:
    """Read vectors of so many inputs and streams."""
    with np.load(path, allow_pickle=False) as data:
        lists = {
            name: tuple(
                data[f"{name}_{k}"] for k in range(inputs if name in _INPUT_LISTS else streams)
            )
            for name in _LISTS
        }
        return Vectors(counters=data["counters"], exact=data["exact"], **lists)


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
