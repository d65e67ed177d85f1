"""Files that others may not read, replace or plant: how every file is created, opened and trusted.

A file is created under a random name, with O_EXCL and O_NOFOLLOW and mode 0600 from its first moment, and renamed into
place, so that its reader finds it whole and a link in its place is replaced, not followed. A file that is appended to
is opened without following a link, and must be its owner's. What the user names on purpose and is no file, a terminal,
a pipe or ``/dev/stdout``, is written to.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "PRIVATE",
    "PUBLIC",
    "TEMPORARY_SUFFIX",
    "descriptor_of",
    "in_a_file",
    "is_private_to_write",
    "is_trusted",
    "make_private",
    "open_appending",
    "open_nameless",
    "planted",
    "real_path",
    "write_file",
    "write_named",
]

PRIVATE = 0o600
PUBLIC = 0o644
TEMPORARY_SUFFIX = ".labserver-tmp"

_OTHERS_WRITE = 0o022
_GROUP_WRITE = 0o020
_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d{1,9})|(stdin|stdout|stderr))|/proc/self/fd/(\d{1,9})")
_STANDARD = {"stdin": 0, "stdout": 1, "stderr": 2}
_OPENED = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)  # not on Windows, where this is only imported


# --- writing --------------------------------------------------------------------------------------------------------


def write_file(path: Path, content: bytes | Iterable[bytes], *, mode: int, durable: bool = True) -> None:
    """Replace a file in one step: whoever reads it, even after a power failure, finds the old or the new one, whole.

    A symbolic link is replaced, not followed. Without ``durable`` a power failure may undo it all, for files that are
    many and quickly made again. Raises ``ConfigurationError``.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if mode != PRIVATE:  # mkstemp opens with O_EXCL, O_NOFOLLOW and 0600
                    os.fchmod(stream.fileno(), mode)
                stream.writelines((content,) if isinstance(content, bytes) else content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            os.replace(temporary, path)  # noqa: PTH105 -- the name is mkstemp's string
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {reason(error, path)}") from error


def write_named(path: Path, content: bytes | Iterable[bytes], *, mode: int = PRIVATE) -> None:
    """Write what the user wants in ``path``: into a device or FIFO, else as a new file. Raises ConfigurationError."""
    try:
        descriptor = _open_special(path)
        if descriptor is not None:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines((content,) if isinstance(content, bytes) else content)
            return
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {reason(error, path)}") from error
    write_file(path, content, mode=mode, durable=False)


def make_private(path: Path) -> None:
    """Make an empty file for a library that opens it by its path; raises OSError, FileExistsError if it is there."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | _OPENED, PRIVATE))


def open_appending(path: Path) -> int:
    """Return a descriptor that appends to ``path``, a new file (0600) where there is none.

    Raises OSError, and ConfigurationError for a file that is another user's or a link to one.
    """
    descriptor = _open_special(path)
    if descriptor is not None:
        return descriptor
    if path.is_symlink():
        raise ConfigurationError(f"cannot write {path}: it is a symbolic link; name the file itself")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | _OPENED, PRIVATE)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
        os.close(descriptor)
        raise ConfigurationError(f"cannot write {path}: others can change it; remove it, or name another file")
    return descriptor


def open_nameless(folder: Path) -> int:
    """Return a descriptor of a new file in ``folder`` that nobody can open again: its name is gone. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=".spool.", suffix=TEMPORARY_SUFFIX, dir=folder)
    try:
        Path(name).unlink()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_special(path: Path) -> int | None:
    """Return a descriptor for a device, a FIFO or an open descriptor that ``path`` names; None if it names none."""
    number = descriptor_of(path)
    if number is not None:
        return os.dup(number)
    try:
        linked, status = path.lstat(), path.stat()
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ELOOP}:  # a link to itself is no device
            raise
        return None
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        return None
    owners = {linked.st_uid, *([status.st_uid] if stat.S_ISFIFO(status.st_mode) else [])}
    if not owners <= _trusted():
        raise ConfigurationError(f"cannot write {path}: it belongs to another user; name another file")
    return os.open(path, os.O_WRONLY | _OPENED)


def descriptor_of(path: Path) -> int | None:
    """Return the descriptor that a path such as ``/dev/stdout`` stands for; None if it is another path."""
    found = _DESCRIPTOR.fullmatch(str(path))
    if found is None:
        return None
    return _STANDARD[found[2]] if found[2] else int(found[1] or found[3])


@contextmanager
def in_a_file(content: bytes) -> Iterator[str]:
    """Give a secret a path for the length of a block, for libraries that take it in no other way.

    On Linux it is in memory and has no name that others could open; elsewhere it is in a new private folder.
    """
    descriptor = _in_memory()
    if descriptor is not None:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.TemporaryDirectory(prefix="labserver-") as folder:
        path = Path(folder) / "secret"
        write_file(path, content, mode=PRIVATE, durable=False)
        yield str(path)


def _in_memory() -> int | None:
    """Return the descriptor of a file without a name; None where the system, or its sandbox, has no such thing."""
    if not hasattr(os, "memfd_create") or not os.access("/proc/self/fd", os.X_OK):
        return None
    try:
        return os.memfd_create("labserver")
    except OSError:
        return None


# --- trusting -------------------------------------------------------------------------------------------------------


def real_path(path: Path) -> Path:
    """Return where a path leads, as far as it leads anywhere; unlike ``Path.resolve``, for a circle of links, too."""
    return Path(os.path.realpath(path))


def is_trusted(status: os.stat_result) -> bool:
    """Tell whether a file's or folder's owner is this user or root."""
    return status.st_uid in _trusted()


def is_private_to_write(status: os.stat_result) -> bool:
    """Tell whether nobody but this user and root can write a file."""
    others = status.st_mode & _OTHERS_WRITE
    return is_trusted(status) and (not others or (others == _GROUP_WRITE and _is_own_group(status.st_gid)))


def planted(path: Path) -> str:
    """Return why another user could replace what is at ``path``; empty if only this user and root can.

    Every folder that leads there counts: one that others can write to must be sticky, as ``/tmp`` is.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would hide a link that others own
    for folder in dict.fromkeys((*reversed(absolute.parents), *reversed(real_path(absolute).parents))):
        with suppress(FileNotFoundError):
            if reason := _open_to_others(folder):
                return reason
    return ""


def _open_to_others(folder: Path) -> str:
    status = folder.lstat()
    if not is_trusted(status):
        return f"{folder} belongs to another user"
    if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return ""
    if is_private_to_write(status):
        return ""
    return f"others can replace what is in {folder}: its mode is {status.st_mode & 0o7777:04o}"


def _trusted() -> frozenset[int]:
    """Return the users that can do everything anyway; in a user namespace root's number may be another."""
    return frozenset((0, os.geteuid(), Path("/").stat().st_uid))


def _is_own_group(number: int) -> bool:
    """Tell whether a group is this user's alone, as Debian's and Fedora's useradd makes one for each."""
    try:
        import grp  # noqa: PLC0415 -- not on every system, and seldom asked
        import pwd  # noqa: PLC0415 -- the same

        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except (ImportError, KeyError):
        return False
    return user.pw_gid == number and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
