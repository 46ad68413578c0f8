"""``python -m spikewright.flow.routed``: what ``make boards`` runs."""

import sys
from collections.abc import Sequence
from pathlib import Path

from spikewright.boards import BOARDS
from spikewright.flow.cli.console import working
from spikewright.flow.files import write_bytes
from spikewright.golden.errors import ConfigurationError, FileError, SpikewrightError

from .builds import build_boards
from .record import RECORD, load_routed, save_routed
from .table import page

__all__ = ["main"]

_USE = "OUT PAGE [BOARD...]"


def main(arguments: Sequence[str], record: Path = RECORD) -> int:
    """Build for boards into the folder OUT, and write record and page; the exit code.

    Each board is recorded when it is done, so that what was stopped keeps what it has.
    """
    try:
        match list(arguments):
            case [out, text, *names]:
                for name, found in build_boards(Path(out), names, working=working):
                    known = load_routed(record) | {name: found}
                    known = {each: known[each] for each in BOARDS if each in known}
                    save_routed(known, record)
                    write_bytes(Path(text), page(known).encode())
                return 0
        raise ConfigurationError(
            f"the arguments must be: {_USE}", found=" ".join(arguments) or "none"
        )
    except (SpikewrightError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SpikewrightError) else FileError.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
