"""Where a run keeps its files: a private folder that one run has after the other, and each finds empty.

To look whether a folder is empty costs a tenth of making and removing one, and most runs leave nothing behind.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["RunFolder"]


class RunFolder:
    """A folder of the user's own, until it is closed."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="labserver-run-"))
        self._numbers = itertools.count()

    def below(self, name: str) -> Path:
        """Return an empty folder of that name, as if it had just been made, whatever a client has done with it."""
        path = self.path / name
        if not _is_empty(path):
            if path.is_symlink() or path.exists():
                aside = self.path / f".{next(self._numbers)}"  # it may have what only another user can remove
                path.rename(aside)
                _remove(aside)
            path.mkdir()
        path.chmod(0o700)
        return path

    def close(self) -> None:
        """Remove it."""
        _remove(self.path)


def _is_empty(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return not path.is_symlink() and not any(entries)
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Remove what is there, folders that the client has made read-only, too; what cannot be removed stays."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    try:
        shutil.rmtree(path)
    except OSError:
        path.chmod(0o700)
        for folder, names, _ in os.walk(path):
            for one in (Path(folder, name) for name in names):
                if not one.is_symlink():
                    one.chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
