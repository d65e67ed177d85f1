"""Where a running lab leaves what other commands need: its ready record, its CA, its control socket.

``$XDG_RUNTIME_DIR/labserver`` or ``labserver-UID`` in the temporary directory, mode 0700, one folder per process in it.
Folders of processes that are gone are cleared away by the next lab.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from labserver.errors import ConfigurationError
from labserver.private_files import is_private_to_write, is_trusted, planted

__all__ = ["NoLabError", "create", "find_ready", "remove"]

READY = "ready.json"
_NONE = "no lab is running; start one with: labserver up"
_LONGEST_PATH = 90
"""Octets of the folder's name that leave room for a socket in it (sockaddr_un: 104 on macOS, 108 on Linux)."""


class NoLabError(ConfigurationError):
    """No lab is running."""


def _parent() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK) and is_trusted(Path(runtime).stat()):  # su keeps that of its caller
        return Path(runtime) / "labserver"
    return Path(tempfile.gettempdir()) / f"labserver-{os.getuid()}"


def _check_private(folder: Path) -> None:
    """Raise ConfigurationError if another user can look into a folder, or could have put it there."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} is not a private folder of yours; remove it or set XDG_RUNTIME_DIR to one that is"
        )
    if reason := planted(folder):
        raise ConfigurationError(
            f"{folder} cannot be used: {reason}; set XDG_RUNTIME_DIR to a folder that only you can change"
        )


def _checked_parent() -> Path:
    """Return the parent, made if need be; another user's folder of that name is refused."""
    parent = _parent()
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
        _check_private(parent)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {parent}: {error.strerror}; set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    return parent


def create() -> Path:
    """Return a new private folder for this process."""
    parent = _checked_parent()
    for old in parent.iterdir():
        if old.name.isdigit() and not _alive(int(old.name)):
            shutil.rmtree(old, ignore_errors=True)
    directory = parent / str(os.getpid())
    if len(os.fsencode(directory)) > _LONGEST_PATH:
        raise ConfigurationError(f"{directory} is too long for a socket in it; set XDG_RUNTIME_DIR to a shorter path")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    return directory


def remove(directory: Path) -> None:
    """Clear the folder away."""
    shutil.rmtree(directory, ignore_errors=True)


def find_ready(path: Path | None) -> dict[str, object]:
    """Return the ready record in ``path``, or of the newest lab that runs.

    Where several run, standard error tells which one it is. Raises NoLabError if there is none, ConfigurationError if
    it cannot be read, or another user could have written it.
    """
    if path is None:
        path = Path(os.environ["LABSERVER_READY_FILE"]) if "LABSERVER_READY_FILE" in os.environ else _newest()
    try:
        record = json.loads(_read(path))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}; is the lab running?") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a ready file: {error}") from error
    if not isinstance(record, dict) or "ports" not in record:
        raise ConfigurationError(f"{path} is not a ready file: it has no ports")
    return record


def _read(path: Path) -> bytes:
    """Return a ready file's octets; a pipe of this user's is read, too, as ``<(…)`` makes one."""
    _check_file(path, path.stat())  # before it is opened: another user's FIFO would never end
    with path.open("rb") as stream:
        _check_file(path, os.fstat(stream.fileno()))
        return stream.read()


def _check_file(path: Path, status: os.stat_result) -> None:
    if not (is_private_to_write(status) if stat.S_ISREG(status.st_mode) else is_trusted(status)):
        raise ConfigurationError(f"{path} is not to be trusted: another user can write it; name another ready file")


def _newest() -> Path:
    parent = _parent()
    if not os.path.lexists(parent):
        raise NoLabError(_NONE)
    _check_private(parent)
    running = [
        file for file in parent.glob(f"*/{READY}") if file.parent.name.isdigit() and _alive(int(file.parent.name))
    ]
    if not running:
        raise NoLabError(_NONE)
    newest = max(running, key=lambda file: file.stat().st_mtime_ns)
    _check_private(newest.parent)
    if others := sorted(str(file) for file in running if file != newest):
        print(
            f"labserver: several labs are running; this is {newest}; --ready-file chooses: {', '.join(others)}",
            file=sys.stderr,
        )
    return newest


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
