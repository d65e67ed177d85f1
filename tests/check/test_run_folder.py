"""A run's folders: empty each time, whatever a client has left there or done to them, and gone at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.check.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def folder() -> Iterator[RunFolder]:
    """Return a folder that is gone after the test, with all that is in it."""
    made = RunFolder()
    yield made
    made.close()
    assert not made.path.exists()


def _fills(path: Path) -> None:
    (path / "below" / "below").mkdir(parents=True)
    (path / "below" / "file").touch()


def _locks(path: Path) -> None:
    _fills(path)
    for one in (path / "below" / "below", path / "below", path):
        one.chmod(0o500)


def _replaces(path: Path) -> None:
    path.rmdir()
    path.touch()


def _links(path: Path) -> None:
    path.rmdir()
    (path.parent / "other").mkdir()
    (path.parent / "other" / "precious").touch()
    path.symlink_to(path.parent / "other")


def _removes(path: Path) -> None:
    path.rmdir()


def _closes(path: Path) -> None:
    path.chmod(0)


def _leaves(path: Path) -> None:
    assert path.is_dir()


@pytest.mark.parametrize("does", [_fills, _locks, _replaces, _links, _removes, _closes, _leaves])
def test_empty(folder: RunFolder, does: Callable[[Path], None]) -> None:
    """The next run finds an empty folder of the same name that it can write to; links out of it are not followed."""
    path = folder.below("dir")
    does(path)
    again = folder.below("dir")
    assert again == path
    assert not path.is_symlink()
    assert list(path.iterdir()) == []
    assert path.stat().st_mode & 0o777 == 0o700
    if does is _links:
        assert (folder.path / "other" / "precious").exists()
