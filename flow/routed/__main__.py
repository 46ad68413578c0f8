"""``python -m spikewright.flow.routed``: what ``make boards`` runs."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from spikewright.boards import BOARDS
from spikewright.flow.cli.console import working
from spikewright.flow.files import write_bytes
from spikewright.flow.project import Project
from spikewright.golden.errors import ConfigurationError, FileError, SpikewrightError

from .builds import build_boards, link_boards
from .links import measure_link
from .record import RECORD, Linked, Routed, load_routed, save_routed
from .table import page

__all__ = ["main"]


def main(arguments: Sequence[str], record: Path = RECORD) -> int:
    """Build for boards, try their links, and write record and page; the exit code.

    Each board is recorded when it is done, so that what was stopped keeps what it has.
    """
    asked = _parser().parse_args(arguments)
    try:
        if not asked.links:
            for name, built in build_boards(asked.out, asked.boards, working=working):
                before = load_routed(record).get(name)
                others = () if before is None else before.links
                kept = tuple(each for each in others if each.network != built.network)
                _keep(name, replace(built, links=kept), record, asked.page)
        known = load_routed(record)
        for name, found in link_boards(asked.out, asked.boards, known, working=working):
            _link(name, found, record, asked.page)
        for name, found in _projects(asked.project):
            _link(name, found, record, asked.page)
    except (SpikewrightError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SpikewrightError) else FileError.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spikewright.flow.routed")
    parser.add_argument("out", type=Path, help="folder of the builds")
    parser.add_argument("page", type=Path, help="Markdown, written of the record")
    parser.add_argument("boards", nargs="*", metavar="BOARD", help="all, if none is named")
    parser.add_argument(
        "--links", action="store_true", help="only try the links, of what was built before"
    )
    parser.add_argument(
        "--project",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="also try the link that this project was built behind: it fits the board",
    )
    return parser


def _projects(folders: Sequence[Path]) -> Iterator[tuple[str, Linked]]:
    """Each on the board, and by the link, that it was built for last."""
    for folder in folders:
        project = Project(folder)
        built = project.summary.get("link", {})
        if not built:
            raise ConfigurationError(
                "the project must have been built behind a link",
                found="no such build",
                where=str(folder),
                action=f"run: spikewright build {folder} --board BOARD --link",
            )
        board, kind = built["board"], built["link"]["kind"]
        yield board, measure_link(project, board, kind, working=working)


def _link(name: str, found: Linked, record: Path, text: Path) -> None:
    known = load_routed(record)
    if name not in known:
        raise ConfigurationError(
            "a board must be built for before its links are recorded",
            found="no build",
            where=name,
            action=f'run: make boards BOARDS="{name}"',
        )
    _keep(name, known[name].with_link(found), record, text)


def _keep(name: str, found: Routed, record: Path, text: Path) -> None:
    """In the record, in the order of the boards, and on the page."""
    known = load_routed(record) | {name: found}
    known = {each: known[each] for each in BOARDS if each in known}
    save_routed(known, record)
    write_bytes(text, page(known).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
