"""The local side of a mirror: a Maildir as mbsync and offlineimap keep it.

mbsync marks what it transfers with a header line of its own (X-TUID); it is no part of the message here.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Maildir", "unmarked"]

_numbers = itertools.count(1)


def unmarked(message: bytes) -> bytes:
    """Return a message without the header line by which mbsync finds it again."""
    return re.sub(rb"(?m)^X-TUID: .*\n", b"", message)


def _content(path: Path) -> bytes:
    return unmarked(path.read_bytes())


class Maildir:
    """A Maildir whose messages are told apart by their content."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _files(self) -> list[Path]:
        found = [path for part in ("new", "cur") for path in (self._path / part).glob("*")]
        return sorted(found, key=_content)

    def messages(self) -> list[bytes]:
        """Return every message, sorted."""
        return [_content(path) for path in self._files()]

    def flags(self, message: bytes) -> str:
        """Return the info letters of one message (``FS`` is flagged and seen)."""
        return self._find(message).name.partition(":2,")[2]

    def add(self, message: bytes) -> None:
        """Deliver a new message."""
        (self._path / "new" / f"1.{next(_numbers)}.here").write_bytes(message)

    def flag(self, message: bytes, letters: str) -> None:
        """Set the info letters of one message."""
        path = self._find(message)
        path.rename(self._path / "cur" / f"{path.name.partition(':2,')[0]}:2,{letters}")

    def remove(self, message: bytes) -> None:
        """Delete one message."""
        self._find(message).unlink()

    def move(self, message: bytes, target: Maildir) -> None:
        """Move one message to another folder as a new message there."""
        self.remove(message)
        target.add(message)

    def _find(self, message: bytes) -> Path:
        (path,) = (path for path in self._files() if _content(path) == message)
        return path
