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

__all__ = ["NoLabError", "create", "find_ready", "remove", "write_private"]

READY = "ready.json"
_LONGEST_PATH = 90
"""Octets of the folder's name that leave room for a socket in it (sockaddr_un: 104 on macOS, 108 on Linux)."""


class NoLabError(ConfigurationError):
    """No lab is running."""


def _parent() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "labserver"
    return Path(tempfile.gettempdir()) / f"labserver-{os.getuid()}"


def _checked_parent() -> Path:
    """Return the parent, made if need be; another user's folder of that name is refused."""
    parent = _parent()
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
        status = parent.lstat()
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {parent}: {error.strerror}; set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigurationError(
            f"{parent} is not a private folder of yours; remove it or set XDG_RUNTIME_DIR to one that is"
        )
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
    it cannot be read.
    """
    if path is None:
        path = Path(os.environ["LABSERVER_READY_FILE"]) if "LABSERVER_READY_FILE" in os.environ else _newest()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}; is the lab running?") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is no ready file: {error}") from error
    if not isinstance(record, dict) or "ports" not in record:
        raise ConfigurationError(f"{path} is no ready file: it has no ports")
    return record


def _newest() -> Path:
    parent = _parent()
    running = [
        file
        for file in (parent.glob(f"*/{READY}") if parent.is_dir() else ())
        if file.parent.name.isdigit() and _alive(int(file.parent.name))
    ]
    if not running:
        raise NoLabError("no lab is running; start one with: labserver up")
    newest = max(running, key=lambda file: file.stat().st_mtime_ns)
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


def write_private(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file in one step: readers see the whole of it or nothing. Raises ConfigurationError.

    What is no file, or stands for another (``/dev/stdout``), is written to and not replaced.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and (path.is_symlink() or not path.is_file()):
            path.write_bytes(content)
            return
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
