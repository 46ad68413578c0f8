"""The project that a device must be of: its network, and the hardware that was generated for it."""

from dataclasses import dataclass
from pathlib import Path

from spikewright.flow.cosim.manifest import Manifest, read_manifest
from spikewright.flow.files import check_project, read_json
from spikewright.flow.host.identity import NAME_BYTES, Identity
from spikewright.flow.host.image import Image, read_image
from spikewright.golden.errors import FileError, LinkError, UnsupportedError
from spikewright.golden.spec import Network
from spikewright.golden.spec.file import load

__all__ = ["Target", "check_loadable", "find_image", "find_target", "read_network"]

_NETWORK = "network.safetensors"
_SHOWN = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A project's network and the manifest of the hardware that the device has."""

    root: Path
    network: Network
    manifest: Manifest


def read_network(root: Path) -> Network:
    """The network of a project folder; raises FileError where there is none."""
    check_project(root, _NETWORK)
    return load(Path(root) / _NETWORK)


def check_loadable(root: Path) -> None:
    """Refuse a project of which nothing can be loaded, before a device is looked for.

    Raises
    ------
    FileError
        If the folder is no project.
    UnsupportedError
        If no hardware was generated that is loaded.
    """
    root = Path(root)
    check_project(root, _NETWORK)
    made = sorted((root / "generated").glob("*/manifest.json"))
    if not any(read_json(path).get("load") for path in made):
        raise _in_bitstream(root, "none" if made else "nothing that was generated")


def find_target(root: Path, identity: Identity, *, where: str) -> Target:
    """The hardware of a project that a device says it has.

    Raises
    ------
    LinkError
        If the device has another network, another bitstream, is another board than any that was
        built for, or waits for its network.
    """
    root = Path(root)
    network = read_network(root)
    _check_board(root, identity, where)
    if not identity.ready or identity.network_hash != network.content_hash:
        has = f"another network, {identity.network_hash[:_SHOWN]}"
        loads = f"run: spikewright load {root} --port {where}, or " if identity.loads else ""
        raise LinkError(
            f"the device must have network {network.name!r}, {network.content_hash[:_SHOWN]}",
            found=has if identity.ready else "one that waits for its network",
            where=where,
            action=f"{loads}put this project's bitstream on it",
        )
    folder = _generated(root, identity, where)
    return Target(root=root, network=network, manifest=read_manifest(folder))


def find_image(root: Path, identity: Identity, *, where: str) -> Image:
    """What fills a device's memories with the network of a project.

    Raises
    ------
    LinkError
        If nothing of the project was generated for the device's design.
    UnsupportedError
        If what was generated has its weights in its bitstream.
    FileError
        If the folder is no project, or its image is damaged or of another network.
    """
    root = Path(root)
    network = read_network(root)
    manifest = read_manifest(_generated(root, identity, where))
    load = manifest.load
    if load is None:
        raise _in_bitstream(root, f"{manifest.mode}, which has its network in its bitstream")
    image = read_image(load.image.read_bytes(), load.memories, where=str(load.image))
    if image.network != network.content_hash or image.design != identity.plan_hash:
        raise FileError(
            "the image must be of the project's network and the device's design",
            found=f"network {image.network[:_SHOWN]}, design {image.design[:_SHOWN]}",
            where=str(load.image),
            action="generate it again",
        )
    return image


def _generated(root: Path, identity: Identity, where: str) -> Path:
    """The folder whose plan is the device's."""
    plans = {}
    for path in sorted((root / "generated").glob("*/manifest.json")):
        plan = read_json(path).get("plan")
        plans[path.parent] = plan.get("hash") if isinstance(plan, dict) else None
    for folder, plan_hash in plans.items():
        if plan_hash == identity.plan_hash:
            return folder
    made = ", ".join(f"{folder.name} {str(plan)[:_SHOWN]}" for folder, plan in plans.items())
    like = "generate with --like the project of its bitstream, or " if identity.loads else ""
    raise LinkError(
        f"the device must have one of the plans of {root}: {made or 'none is generated'}",
        found=f"another bitstream, of plan {identity.plan_hash[:_SHOWN]}",
        where=where,
        action=f"{like}put the bitstream on it that was built last, or generate and build again",
    )


def _in_bitstream(root: Path, found: str) -> UnsupportedError:
    return UnsupportedError(
        "the project must have hardware whose network is loaded",
        found=found,
        where=str(root),
        action=f"run: spikewright generate {root} --loadable, or --like the project whose "
        "bitstream the board has",
    )


def _check_board(root: Path, identity: Identity, where: str) -> None:
    """Where it was built for boards, the device is one of them."""
    reports = [read_json(path) for path in sorted((root / "build").glob("*/build.json"))]
    boards = [str(report.get("board")) for report in reports]
    if boards and identity.board not in [name[:NAME_BYTES] for name in boards]:
        raise LinkError(
            f"the board must be one that the project was built for: {', '.join(boards)}",
            found=repr(identity.board),
            where=where,
            action="give another --port, or build for this board",
        )
