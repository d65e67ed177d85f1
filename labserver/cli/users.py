"""Who exists: ``--user``, ``--users-file``, the variable ``LABSERVER_USERS``, in this order, instead of alice and bob.

Every user of the machine can read a command line (ps). Files and variables are private; they have a user on each line.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.mailstore.directory import DEFAULT_USERS, User, parse_user
from labserver.private_files import is_trusted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["VARIABLE", "users_from"]

VARIABLE = "LABSERVER_USERS"

_LONGEST = 1 << 20
"""Octets of a file."""
_OTHERS = 0o077


def users_from(options: argparse.Namespace) -> tuple[User, ...]:
    """Return the users that the options and the environment name, else the usual ones; raises ConfigurationError."""
    found = [parse_user(text) for text in options.user]
    for path in options.users_file:
        found += _listed(_read(path), str(path))
    if options.users_variable is not None:
        found += _listed(os.environ.get(options.users_variable, ""), options.users_variable)
    return tuple(found) or DEFAULT_USERS


def _listed(text: str, source: str) -> Iterator[User]:
    """Yield the users of a text: one on each line; ``#`` begins a comment where it is the first of its line."""
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.removesuffix("\r")
        if entry.strip() and not entry.lstrip().startswith("#"):
            yield parse_user(entry, option=f"{source}, line {number}")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            _check_private(path, os.fstat(stream.fileno()))
            content = stream.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"--users-file {path}: {error.strerror}") from error
    if len(content) > _LONGEST:
        raise ConfigurationError(f"--users-file {path}: it has more than {_LONGEST} octets; is it a list of users?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"--users-file {path}: it is not UTF-8; save it as UTF-8") from error


def _check_private(path: Path, status: os.stat_result) -> None:
    """Raise ConfigurationError for a file that others can read or could have written; a pipe has no other readers."""
    if not stat.S_ISREG(status.st_mode):
        return
    if not is_trusted(status):
        raise ConfigurationError(f"--users-file {path}: it belongs to another user; make a copy of your own")
    if status.st_mode & _OTHERS:
        raise ConfigurationError(f"--users-file {path}: others can read the passwords in it; chmod 600 {path}")
