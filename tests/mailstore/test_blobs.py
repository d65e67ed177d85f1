"""Large contents in a SQLite file: read a window at a time, shared, and never open while something is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock
from labserver.errors import StoreError
from labserver.mailstore.blobs import WINDOW, Blobs
from labserver.mailstore.message import Draft
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labserver.mailstore.mailbox import Mailbox

_PIECE = 1 << 16
_LARGE = bytes(range(256)) * (3 * WINDOW // 256) + b"and a rest"


class _Shelf:
    """A store in a file, and what of it is in memory."""

    def __init__(self, path: Path) -> None:
        self.storage = SqliteStorage(path, cache_size=1 << 20)
        self.store = MailStore(storage=self.storage, clock=FixedClock())

    @property
    def inbox(self) -> Mailbox:
        """A mailbox."""
        return self.store.account("alice").mailboxes["INBOX"]

    @property
    def blobs(self) -> Blobs:
        """What reads large contents."""
        return self.storage._blobs  # noqa: SLF001 -- what it holds is the claim


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[_Shelf]:
    """Return an open store."""
    shelf = _Shelf(tmp_path / "lab.db")
    yield shelf
    shelf.store.close()


def test_all_of_it_piece_by_piece(shelf: _Shelf) -> None:
    """A large message is read from end to end with one window in memory."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    reading = message.reading()
    got = b""
    for start in range(0, len(_LARGE), _PIECE):
        got += reading.octets(start, min(start + _PIECE, len(_LARGE)))
        assert shelf.blobs.held <= WINDOW
    assert got == _LARGE


def test_any_of_it(shelf: _Shelf) -> None:
    """Octets are found wherever they are, and none behind the end."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    reading = message.reading()
    for start, end in ((2 * WINDOW, 2 * WINDOW + 9), (5, 2 * WINDOW), (0, 1), (len(_LARGE) - 4, len(_LARGE)), (7, 7)):
        assert reading.octets(start, end) == _LARGE[start:end]


def test_many_readers(shelf: _Shelf) -> None:
    """However many messages are being read, only a few windows are held, and everybody gets the right octets."""
    messages = shelf.inbox.append([Draft(content=b"%03d" % number * 100_000) for number in range(50)])
    readings = [message.reading() for message in messages]
    for start in range(0, 300_000, 30_000):
        for number, reading in enumerate(readings):
            assert reading.octets(start, start + 3) == b"%03d" % number
    assert shelf.blobs.held <= 8 * WINDOW


def test_writing_goes_on(shelf: _Shelf) -> None:
    """Reading holds no transaction open: what is written meanwhile gets into the file, and reading goes on."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    reading = message.reading()
    assert reading.octets(0, 3) == _LARGE[:3]
    shelf.inbox.append([Draft(content=b"meanwhile")])
    assert shelf.storage.pragma("wal_checkpoint(TRUNCATE)") == 0, "not busy"
    assert reading.octets(2 * WINDOW, 2 * WINDOW + 3) == _LARGE[:3]


def test_what_cannot_be_read(shelf: _Shelf) -> None:
    """What is not there is told as expunged, what cannot be read as that."""
    with pytest.raises(StoreError, match="expunged") as raised:
        shelf.storage.read_octets(99, 0, 1)
    assert raised.value.code == "EXPUNGEISSUED"
    shelf.inbox.append([Draft(content=b"short")])
    with pytest.raises(StoreError, match="could not be read"):
        shelf.storage.read_octets(1, 10, 20)
