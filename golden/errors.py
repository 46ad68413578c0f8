"""Every error that a user can cause, as one tree.

::

    SpikewrightError            exit code 1
    ├── ConfigurationError      2   an option, plan or parameter is not legal
    ├── UnsupportedError        3   a network asks for what is not offered
    ├── RangeError              4   a value or a register leaves its range
    ├── MismatchError           5   hardware and golden model differ
    ├── FileError               6   a file is missing, damaged or cannot be written
    ├── ToolError               7   a compiler, simulator or synthesis tool is missing or failed
    └── LinkError               8   a board cannot be reached, stops answering, or is another one

Each is built from data: what must hold, what was found, where, and what to do about it.
"""

__all__ = [
    "ConfigurationError",
    "FileError",
    "LinkError",
    "MismatchError",
    "RangeError",
    "SpikewrightError",
    "ToolError",
    "UnsupportedError",
]


class SpikewrightError(Exception):
    """A user's mistake, worded as what must hold and what was found.

    Parameters
    ----------
    must : what must hold, as a sentence without its full stop.
    found : what was found instead.
    where : layer, file, option or index the message is about.
    action : what the user can do.
    """

    exit_code: int = 1

    def __init__(self, must: str, *, found: str, where: str = "", action: str = "") -> None:
        self.must = must
        self.found = found
        self.where = where
        self.action = action
        message = f"{must}, found {found}"
        if where:
            message = f"{where}: {message}"
        if action:
            message = f"{message}; {action}"
        super().__init__(message)


class ConfigurationError(SpikewrightError):
    """An option, a plan or a parameter is not legal."""

    exit_code = 2


class UnsupportedError(SpikewrightError):
    """A network asks for something that is not offered; the message names what is."""

    exit_code = 3


class RangeError(SpikewrightError):
    """A value lies outside its width, or a register would overflow."""

    exit_code = 4


class MismatchError(SpikewrightError):
    """Hardware and golden model differ."""

    exit_code = 5


class FileError(SpikewrightError):
    """A file is missing, damaged, of another schema, or cannot be written."""

    exit_code = 6


class ToolError(SpikewrightError):
    """An outside tool is missing or failed."""

    exit_code = 7


class LinkError(SpikewrightError):
    """A board cannot be reached, stops answering, or is not the one that it must be."""

    exit_code = 8
