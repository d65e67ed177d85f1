"""A user without root's rights, also where root runs the tests: rights to write mean nothing to root.

In the tests' own process the effective user is changed for a block. A program is started behind ``setpriv``; where the
user could not even read the interpreter, because it is in root's home, it keeps the right to read everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PlainUser", "plain_user_folder"]

_ROOT = Path(__file__).parents[1]
_NOBODY = 65_534
_DROPPED = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
_READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
_PROBE = f"import sys, labserver.lab; sys.exit(sys.version != {sys.version!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainUser:
    """The user, and a folder of its own that leads through no folder that only root may enter."""

    number: int
    folder: Path

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Let this process have the user's rights, and no others, for the length of a block."""
        if os.geteuid() == self.number:
            yield
            return
        groups, group = os.getgroups(), os.getegid()
        os.setgroups([])
        os.setegid(_NOBODY)
        os.seteuid(self.number)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)

    def command(self, *words: str) -> list[str]:
        """Return a command that runs ``words`` as the user; its working directory must be one that the user may use."""
        return [*(_prefix() if os.geteuid() != self.number else ()), *words]

    def own(self, path: Path) -> Path:
        """Give a file or folder to the user, and return it."""
        os.chown(path, self.number, -1)
        return path


@contextmanager
def plain_user_folder() -> Iterator[PlainUser]:
    """Make the user's folder for the length of a block."""
    number = os.geteuid() or _NOBODY
    with TemporaryDirectory(prefix="labserver-plain-") as folder:
        user = PlainUser(number=number, folder=Path(folder))
        user.own(user.folder)
        yield user


@cache
def _prefix() -> tuple[str, ...]:
    """Return what a command is put behind, so that it runs as nobody and finds this interpreter."""
    for prefix in (_DROPPED, (*_DROPPED, *_READING)):
        probe = subprocess.run([*prefix, sys.executable, "-c", _PROBE], cwd=_ROOT, capture_output=True, check=False)
        if probe.returncode == 0:
            return prefix
    raise AssertionError("nobody cannot run this interpreter: move it out of root's home, or run the tests as a user")
