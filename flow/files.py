"""Files and folders that appear whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from spikewright.golden.errors import FileError

__all__ = [
    "atomic_files",
    "atomic_folder",
    "check_file",
    "check_project",
    "file_hash",
    "read_json",
    "text_hash",
    "write_bytes",
    "write_json",
]


@contextmanager
def atomic_folder(target: Path, *, aside: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that replaces ``target`` as a whole when the block ends well.

    What was there is removed, or kept as ``aside``, which must not exist. After an exception
    ``target`` is what it was before. Raises FileError where it cannot be written.
    """
    target = Path(target).absolute()
    with _scratch(target) as scratch:
        yield scratch
        with _writing(target):
            if not target.exists():
                scratch.rename(target)
            elif not target.is_dir():
                raise NotADirectoryError(f"{target} is not a folder")
            elif aside is None:
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
                try:
                    _exchange(scratch, target, old / "old")
                except BaseException:
                    with suppress(OSError):  # where it could not be put back, it stays
                        old.rmdir()
                    raise
                shutil.rmtree(old, ignore_errors=True)
            else:
                if os.path.lexists(aside):  # a rename would replace a file or an empty folder
                    raise FileExistsError(f"{aside} exists already")
                _exchange(scratch, target, Path(aside))


@contextmanager
def atomic_files(target: Path) -> Iterator[Path]:
    """Yield an empty folder whose files move into ``target`` when the block ends well.

    Other files of ``target`` stay. After an exception in the block nothing in ``target`` has
    changed, and it is not created. Raises FileError where it cannot be written.
    """
    target = Path(target).absolute()
    with _scratch(target) as scratch:
        yield scratch
        with _writing(target):
            target.mkdir(exist_ok=True)
            for item in sorted(scratch.rglob("*")):
                place = target / item.relative_to(scratch)
                if item.is_dir():
                    place.mkdir(exist_ok=True)
                else:
                    item.replace(place)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write ``data`` as indented JSON; the file is replaced whole. Raises FileError."""
    text = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode())


def check_file(path: Path) -> None:
    """Refuse a file that could not be written, before any work is done. Raises FileError."""
    path = Path(path).absolute()
    with _writing(path):
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder, not a file")
        # A trial finds out, and leaves no trace.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        os.close(handle)
        Path(name).unlink()


def check_project(root: Path, *names: str) -> None:
    """Refuse a folder without the files that a project has. Raises FileError."""
    root = Path(root)
    missing = next((name for name in names if not (root / name).is_file()), None)
    if missing is not None:
        raise FileError(
            "the folder must be a project",
            found=f"no {missing}" if root.is_dir() else "no such folder",
            where=str(root),
            action="make one with: spikewright convert SOURCE --out DIR",
        )


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; it is replaced whole. Raises FileError."""
    path = Path(path).absolute()
    with _writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises FileError where there is none."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(
            "the file must be readable", found=error.strerror or str(error), where=str(path)
        ) from error
    except ValueError as error:
        raise FileError("the file must hold JSON", found=str(error), where=str(path)) from error
    if not isinstance(data, dict):
        raise FileError(
            "the file must hold a JSON object", found=type(data).__name__, where=str(path)
        )
    return data


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; raises FileError."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise FileError(
            "the file must be readable", found=error.strerror or str(error), where=str(path)
        ) from error


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(
            "the output must be writable",
            found=error.strerror or str(error),
            where=str(target),
            action="choose another output folder",
        ) from error


def _exchange(new: Path, target: Path, old: Path) -> None:
    """Move ``target`` to ``old`` and ``new`` to ``target``, or leave both where they are."""
    try:
        target.rename(old)
        new.rename(target)
    except BaseException:
        if os.path.lexists(old) and not target.exists():
            try:
                old.rename(target)
            except OSError as error:
                raise OSError(f"{error}; what was there is now {old}") from error
        raise


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A temporary folder beside the target, so that moving it is one rename."""
    with _writing(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(f"{target} is a file, not a folder")
        made = _make_parents(target.parent)
        if target.is_dir() and not os.access(target, os.W_OK | os.X_OK):
            raise PermissionError(f"{target} may not be written")
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        scratch.chmod(0o777 & ~_umask())
    finished = False
    try:
        yield scratch
        finished = True
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not finished:
            for folder in made:
                folder.rmdir()


def _make_parents(folder: Path) -> list[Path]:
    """Create the missing folders up to ``folder``; returns them, the innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for item in reversed(missing):
        item.mkdir()
    return missing


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
