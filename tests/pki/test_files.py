"""Claims about writing and reading files: whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.errors import ConfigurationError
from labserver.pki.files import PRIVATE, PUBLIC, read_file, write_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mode", [PRIVATE, PUBLIC])
def test_the_mode_is_the_wanted_one(tmp_path: Path, mode: int) -> None:
    """A new file has its mode, and so has one that replaces a file with another mode."""
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        write_file(path, content, mode=mode)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, mode)
        path.chmod(0o666)


def test_replacing_never_rewrites(tmp_path: Path) -> None:
    """Whoever has the old file open goes on reading the old octets."""
    path = tmp_path / "file"
    write_file(path, b"old", mode=PUBLIC)
    with path.open("rb") as reader:
        write_file(path, b"new and longer", mode=PUBLIC)
        assert reader.read() == b"old"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    """When the last step fails, the half-made file with its key is gone and the error names the path."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigurationError, match=f"Cannot write {tmp_path}/taken: Is a directory"):
        write_file(tmp_path / "taken", b"key", mode=PRIVATE)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_errors_name_path_and_purpose(tmp_path: Path) -> None:
    """A missing file or folder is one sentence."""
    with pytest.raises(ConfigurationError, match=f"Cannot read the list {tmp_path}/none: No such file or directory"):
        read_file(tmp_path / "none", "the list")
    with pytest.raises(ConfigurationError, match=f"Cannot write {tmp_path}/none/file: No such file or directory"):
        write_file(tmp_path / "none" / "file", b"", mode=PUBLIC)
