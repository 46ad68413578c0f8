"""What co-simulation needs of a manifest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewright.flow.files import file_hash, read_json
from spikewright.golden.errors import FileError
from spikewright.golden.spec import Mode

from .layout import Layout
from .streams import OUTPUT

__all__ = [
    "COUNTER_NAMES",
    "GUARD_NAMES",
    "CoreCounters",
    "GuardCounters",
    "Host",
    "Load",
    "Manifest",
    "Probe",
    "Source",
    "read_manifest",
]

SCHEMA = 7
COUNTER_NAMES = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy")
GUARD_NAMES = ("losses", "waits")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network input: ``port`` is what its ports' names begin with.

    ``frames``: it takes frames of values. ``first_step_only``: it is constant, and its spikes come
    in the first step of a sample only, behind an encoder too.
    """

    name: str
    port: str
    layout: Layout
    frames: bool
    first_step_only: bool


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A stream that is watched; the three names are expressions of the testbench."""

    name: str
    valid: str
    ready: str
    payload: str
    layout: Layout


@dataclass(frozen=True, kw_only=True)
class Host:
    """A population on a core; ``channels`` first and last (exclusive), None where it is whole."""

    population: str
    channels: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class CoreCounters:
    """Counter ports of a core, in the order of COUNTER_NAMES, its name and whom it hosts.

    ``rows_per_cycle``: that it adds at most.
    """

    name: str
    rows_per_cycle: int
    hosts: tuple[Host, ...]
    ports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GuardCounters:
    """Counter ports of the guard of an input, in the order of GUARD_NAMES."""

    input: str
    ports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is loaded after reset: the ``words`` of ``image``, of ``width`` bits, into ``port``.

    ``loaded`` is the port that says that all are there. ``memories``: (rows, words of a row) of
    each.
    """

    image: Path
    port: str
    loaded: str
    width: int
    words: int
    memories: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A generated accelerator: its Verilog and all that a testbench must know of it."""

    top: str
    verilog: Path
    mode: Mode
    network_name: str
    network_hash: str
    inputs: tuple[Source, ...]
    probes: tuple[Probe, ...]
    cycles_port: str
    cores: tuple[CoreCounters, ...]
    guards: tuple[GuardCounters, ...]
    load: Load | None

    @property
    def counter_ports(self) -> list[str]:
        """Cycles, the counters of every core, those of every guard."""
        cores = [port for core in self.cores for port in core.ports]
        return [self.cycles_port, *cores, *(port for each in self.guards for port in each.ports)]

    @property
    def guarded(self) -> list[int]:
        """Places among the probes of the inputs behind a guard."""
        names = [probe.name for probe in self.probes]
        return [names.index(guard.input) for guard in self.guards]

    @property
    def output(self) -> Probe:
        """The accelerator's output stream, always the last of ``probes``."""
        return self.probes[-1]


def read_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json`` of a generated folder; raises FileError where it is not whole."""
    path = Path(folder) / "manifest.json"
    data = read_json(path)
    if data.get("schema") != SCHEMA:
        raise FileError(
            f"the manifest's schema must be {SCHEMA}",
            found=repr(data.get("schema")),
            where=str(path),
            action="generate the accelerator again",
        )
    try:
        manifest = _parse(data, Path(folder).absolute(), str(path))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FileError(
            "the manifest must be whole",
            found=f"{type(error).__name__} {error}",
            where=str(path),
            action="generate the accelerator again",
        ) from error
    _check_hash("Verilog", manifest.verilog, data.get("verilog_hash"))
    if manifest.load is not None:
        _check_hash("image", manifest.load.image, data["load"].get("hash"))
    return manifest


def _check_hash(what: str, path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise FileError(
            f"the {what} must lie beside its manifest",
            found=f"no {path.name}",
            where=str(path.parent),
            action="generate the accelerator again",
        )
    found = file_hash(path)
    if expected is not None and expected != found:
        raise FileError(
            f"the {what} must be the one that the manifest describes",
            found=f"hash {found[:12]}, not {str(expected)[:12]}",
            where=str(path),
            action="generate the accelerator again",
        )


def _parse(data: dict[str, Any], folder: Path, where: str) -> Manifest:
    inputs = tuple(
        Source(
            name=source["name"],
            port=source["port"],
            layout=Layout.from_manifest(source["layout"], where=where),
            frames=bool(source["frames"]),
            first_step_only=bool(source["first_step_only"]),
        )
        for source in data["streams"]["inputs"]
    )
    probes = [
        Probe(
            name=probe["population"],
            valid=f"dut.{probe['valid']}",
            ready=f"dut.{probe['ready']}",
            payload=f"dut.{probe['payload']}",
            layout=Layout.from_manifest(probe["layout"], where=where),
        )
        for probe in data["probes"]
    ]
    probes.append(
        Probe(
            name=OUTPUT,
            valid="o_valid",
            ready="o_ready",
            payload="o_payload",
            layout=Layout.from_manifest(data["streams"]["output"]["layout"], where=where),
        )
    )
    if not inputs:
        raise ValueError("no input")
    return Manifest(
        top=data["top"],
        verilog=folder / data["verilog"],
        mode=Mode(data["mode"]),
        network_name=data["network"]["name"],
        network_hash=data["network"]["hash"],
        inputs=inputs,
        probes=tuple(probes),
        cycles_port=data["counters"]["cycles"],
        cores=tuple(
            CoreCounters(
                name=core["name"],
                rows_per_cycle=int(core["rows_per_cycle"]),
                hosts=tuple(_host(host) for host in core["hosts"]),
                ports=tuple(core[name] for name in COUNTER_NAMES),
            )
            for core in data["counters"]["cores"]
        ),
        guards=tuple(
            GuardCounters(input=guard["input"], ports=tuple(guard[name] for name in GUARD_NAMES))
            for guard in data["counters"]["guards"]
        ),
        load=None if data["load"] is None else _load(data["load"], folder),
    )


def _load(data: dict[str, Any], folder: Path) -> Load:
    width = int(data["width"])
    return Load(
        image=folder / data["file"],
        port=data["port"],
        loaded=data["loaded"],
        width=width,
        words=int(data["words"]),
        memories=tuple(
            (int(each["rows"]), -(-int(each["width"]) // width)) for each in data["memories"]
        ),
    )


def _host(data: dict[str, Any]) -> Host:
    channels = data["channels"]
    if channels is not None:
        first, last = channels
        channels = (int(first), int(last))
    return Host(population=data["population"], channels=channels)
