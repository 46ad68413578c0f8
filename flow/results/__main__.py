"""``python -m spikewright.flow.results``: what ``make record`` and ``make regress`` run."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from spikewright.golden.errors import ConfigurationError, FileError, SpikewrightError

from .record import load_record, name_of, read_summary, take_over
from .regress import show

__all__ = ["main"]

_USE = "record RECORD TEXT DIR... or regress RECORD DIR..."


def main(arguments: Sequence[str]) -> int:
    """Take over runs into the record, or hold them against it; the exit code.

    ``record RECORD TEXT DIR...`` puts the runs in the folders into the record in the folder RECORD
    and its table into TEXT. ``regress RECORD DIR...`` prints what moved; 1 if any moved too far.
    """
    try:
        match list(arguments):
            case ["record", record, text, *folders] if folders:
                take_over(Path(record), Path(text), [read_summary(Path(each)) for each in folders])
                return 0
            case ["regress", record, *folders] if folders:
                results = {
                    name_of(summary): summary
                    for summary in (read_summary(Path(each)) for each in folders)
                }
                return 0 if show(Console(), load_record(Path(record)), results) else 1
        raise ConfigurationError(
            f"the arguments must be: {_USE}", found=" ".join(arguments) or "none"
        )
    except (SpikewrightError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SpikewrightError) else FileError.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
