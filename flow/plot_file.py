"""The file that a plot goes into."""

from pathlib import Path

from spikewright.flow.files import check_file
from spikewright.golden.errors import ConfigurationError

__all__ = ["check_plot"]

_KINDS = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Refuse a plot that cannot be written, before any work is done.

    Raises
    ------
    ConfigurationError
        If it cannot have that name.
    FileError
        If its folder does not exist or may not be written.
    """
    if path.suffix not in _KINDS:
        raise ConfigurationError(
            f"a plot's name must end in {', '.join(_KINDS)}", found=path.name, where="--plot"
        )
    check_file(path)
