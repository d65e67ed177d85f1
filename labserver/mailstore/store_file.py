"""The file of a store, before SQLite opens it: made private, or found to be one that this user may use.

SQLite follows links, takes whatever lies beside the file under the names of its logs, and calls a directory in which it
may not write a disk I/O error. So each of these is looked at first, and told by its own sentence.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.private_files import is_private_to_write, is_trusted, make_private

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["octets", "prepare"]

_LOGS = ("-wal", "-shm", "-journal")
"""What SQLite puts beside its file (https://www.sqlite.org/tempfiles.html)."""


def prepare(path: Path) -> None:
    """Make the file where there is none, and see that it can be used; raises ConfigurationError and OSError.

    An existing file is never opened here: closing it again would drop the locks that this process may already have on
    it (POSIX advisory locks).
    """
    for log in (path.with_name(path.name + ending) for ending in _LOGS):
        with suppress(FileNotFoundError):
            _check(log, log.lstat(), "remove it")
    _check_log(path, path.with_name(f"{path.name}{_LOGS[0]}"))
    try:
        make_private(path)
    except FileExistsError:
        _check_existing(path)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        raise ConfigurationError(f"{path}: it cannot be written: {error.strerror}; use another file") from error


def _check_log(path: Path, log: Path) -> None:
    """Raise ConfigurationError for a log whose file is gone: SQLite would throw it away, and mail with it."""
    if octets(log) and not octets(path):
        raise ConfigurationError(
            f"{path}: it is not there, but its log {log.name} is, with mail in it;"
            " put the file back, or move the log away to begin with an empty store"
        )


def octets(path: Path) -> int:
    """Return a file's size, 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _check_existing(path: Path) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{path}: it is a directory, not a plain file; name a file in it")
    _check(path, status, "use another file")
    for place in (path, path.parent):  # logs are made in the directory
        if not _may_write(place):
            raise ConfigurationError(f"{place}: it cannot be written; change its permissions, or use another file")


def _check(path: Path, status: os.stat_result, remedy: str) -> None:
    """Raise ConfigurationError for what is no plain file, or one that another user could write."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path}: it is not a plain file; {remedy}")
    if not is_trusted(status):
        raise ConfigurationError(f"{path}: it belongs to another user; {remedy}")
    if not is_private_to_write(status):
        raise ConfigurationError(f"{path}: others can write it; chmod 600 {path}")


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
