import errno
import json
import os
import re
from pathlib import Path

import pytest

from spikewright.flow.files import (
    atomic_files,
    atomic_folder,
    check_file,
    file_hash,
    read_json,
    text_hash,
    write_json,
)
from spikewright.golden.errors import FileError


def test_folder_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "new" / "out"
    for name in ("a", "b"):
        with atomic_folder(target) as folder:
            (folder / name).write_text(name)
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def write_and_fail(helper, target):
    with helper(target) as folder:
        (folder / "a").write_text("new")
        raise ValueError("stop")


@pytest.mark.parametrize("helper", [atomic_folder, atomic_files])
def test_failure_leaves_nothing_behind(tmp_path, helper):
    target = tmp_path / "deep" / "out"
    with pytest.raises(ValueError, match="^stop$"):
        write_and_fail(helper, target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("helper", [atomic_folder, atomic_files])
def test_failure_keeps_what_was_there(tmp_path, helper):
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old")
    with pytest.raises(ValueError, match="^stop$"):
        write_and_fail(helper, target)
    assert (target / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def full(monkeypatch):
    """A folder cannot be moved to its place."""
    rename = Path.rename

    def fail(self, target):
        if self.name.startswith(".out-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)


def replace_folder(target, aside):
    with atomic_folder(target, aside=aside) as folder:
        (folder / "a").write_text("new")


@pytest.fixture
def old(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old")
    return target


def test_what_was_there_is_kept_aside(tmp_path, old):
    replace_folder(old, tmp_path / "out-1")
    assert (old / "a").read_text() == "new"
    assert (tmp_path / "out-1" / "a").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out-1"]


@pytest.mark.parametrize("aside", [None, "out-1"])
def test_a_folder_that_cannot_be_moved_leaves_the_old_one(tmp_path, old, full, aside):
    with pytest.raises(FileError, match=r"out: the output must be writable, found No space left"):
        replace_folder(old, aside and tmp_path / aside)
    assert (old / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_old_folder_that_cannot_be_moved_aside_stays(tmp_path, old):
    with pytest.raises(FileError, match="the output must be writable, found No such file"):
        replace_folder(old, tmp_path / "none" / "out-1")
    assert (old / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["file", "empty folder", "folder", "link to nothing"])
def test_what_is_aside_already_is_not_replaced(tmp_path, old, kind):
    aside = tmp_path / "out-1"
    if kind == "file":
        aside.write_text("mine")
    elif kind == "link to nothing":
        aside.symlink_to(tmp_path / "none")
    else:
        aside.mkdir()
        if kind == "folder":
            (aside / "mine").touch()
    with pytest.raises(FileError, match=f"found {re.escape(str(aside))} exists already"):
        replace_folder(old, aside)
    assert (old / "a").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out-1"]
    assert aside.is_dir() == kind.endswith("folder") and aside.is_symlink() == ("link" in kind)


def test_what_cannot_be_put_back_is_told(tmp_path, old, full, monkeypatch):
    once = Path.rename

    def fail(self, target):
        if self.name == "out-1":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return once(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(FileError, match=r"what was there is now .*/out-1; choose another"):
        replace_folder(old, tmp_path / "out-1")
    assert (tmp_path / "out-1" / "a").read_text() == "old"


def test_files_join_others_and_keep_subfolders(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "kept").write_text("kept")
    (target / "a").write_text("old")
    with atomic_files(target) as folder:
        (folder / "a").write_text("new")
        (folder / "sub").mkdir()
        (folder / "sub" / "b").write_text("b")
    assert (target / "a").read_text() == "new"
    assert (target / "kept").read_text() == "kept"
    assert (target / "sub" / "b").read_text() == "b"


@pytest.mark.parametrize("helper", [atomic_folder, atomic_files])
def test_target_that_is_a_file_is_refused(tmp_path, helper):
    target = tmp_path / "out"
    target.write_text("a file")
    message = f"^{re.escape(str(target))}: the output must be writable, found .*; choose another"
    with pytest.raises(FileError, match=message), helper(target):
        pass
    assert target.read_text() == "a file"


@pytest.mark.parametrize("helper", [atomic_folder, atomic_files])
def test_parent_that_is_a_file_is_refused(tmp_path, helper):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FileError, match="the output must be writable"),
        helper(tmp_path / "file" / "out"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(FileError, match="the output must be writable"),
        atomic_files(tmp_path / "out"),
    ):
        pass


def test_json_round_trip_and_permissions(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, "ü"]})
    assert read_json(path) == {"a": [1, "ü"]}
    assert path.stat().st_mode & 0o444 == 0o444 & ~_umask()
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_json_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    with pytest.raises(FileError, match="the output must be writable"):
        write_json(tmp_path / "none" / "a.json", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "must be readable"),
        ("{", "must hold JSON"),
        ("[]", "must hold a JSON object, found list"),
    ],
)
def test_unreadable_json(tmp_path, text, message):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FileError, match=f"^{re.escape(str(path))}: the file {message}"):
        read_json(path)


def test_hashes(tmp_path):
    path = tmp_path / "a"
    path.write_text("abc")
    assert file_hash(path) == text_hash("abc")
    assert text_hash("abc").startswith("ba7816bf")
    with pytest.raises(FileError, match="must be readable"):
        file_hash(tmp_path / "b")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_that_cannot_be_written_is_refused_and_a_trial_leaves_no_trace(tmp_path):
    check_file(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    for path in (tmp_path, tmp_path / "none" / "new"):
        with pytest.raises(FileError, match=rf"^{path}: the output must be writable"):
            check_file(path)
    assert list(tmp_path.iterdir()) == []
