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


def test_what_is_expunged_while_it_is_sent(shelf: _Shelf) -> None:
    """A message that is being sent stays in the file until it is sent, and for nobody else."""
    message, other = shelf.inbox.append([Draft(content=_LARGE), Draft(content=_LARGE)])
    reading = message.reading()
    assert reading.octets(0, 3) == _LARGE[:3]
    shelf.inbox.expunge([message, other])
    assert _contents(shelf) == [1]
    got = b"".join(reading.octets(at, min(at + _PIECE, len(_LARGE))) for at in range(0, len(_LARGE), _PIECE))
    assert got == _LARGE
    del reading
    assert shelf.blobs.held == 0
    (following,) = shelf.inbox.append([Draft(content=b"next")])
    assert _contents(shelf) == [following.body]
    assert following.content == b"next"


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_being_sent_at_the_end(shelf: _Shelf, tmp_path: Path, *, killed: bool) -> None:
    """What was kept for being sent is gone from the file when the lab ends, or at its next start if it was killed."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    reading = message.reading()
    shelf.store.account("alice").mailboxes["INBOX"].expunge([message])
    assert _contents(shelf) == [1]
    if killed:
        for name in ("lab.db", "lab.db-wal"):
            (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
        (tmp_path / "copy-lab.db-wal").rename(tmp_path / "copy.db-wal")
        (tmp_path / "copy-lab.db").rename(tmp_path / "copy.db")
    else:
        shelf.store.close()
    again = _Shelf(tmp_path / ("copy.db" if killed else "lab.db"))
    assert _contents(again) == []
    assert again.inbox.messages == []
    again.store.close()
    del reading


def test_a_copy_outlives_what_is_sent(shelf: _Shelf) -> None:
    """Where a copy is left, its octets stay when the other is sent."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    target = shelf.store.account("alice").mailboxes["Sent"]
    (copy,) = shelf.inbox.copy([message], target)
    reading = message.reading()
    shelf.inbox.expunge([message])
    del reading
    target.append([Draft(content=b"next")])
    assert copy.content == _LARGE


def test_numbers_are_not_given_again(shelf: _Shelf) -> None:
    """Whoever still has a message that is gone does not get the octets of another."""
    (message,) = shelf.inbox.append([Draft(content=b"old")])
    shelf.inbox.expunge([message])
    (following,) = shelf.inbox.append([Draft(content=b"new")])
    assert following.body == 2
    for read in (lambda: message.content, lambda: message.envelope):
        with pytest.raises(StoreError) as raised:
            read()
        assert raised.value.code == "EXPUNGEISSUED"


def test_windows_of_what_is_gone(shelf: _Shelf) -> None:
    """No octets of a removed message stay in memory."""
    (message,) = shelf.inbox.append([Draft(content=_LARGE)])
    shelf.storage.read_octets(1, 0, 3)
    assert shelf.blobs.held == WINDOW
    shelf.inbox.expunge([message])
    assert shelf.blobs.held == 0


def _contents(shelf: _Shelf) -> list[int]:
    """Return the numbers of the contents in the file."""
    return [key for (key,) in shelf.storage._db.execute("SELECT id FROM content")]  # noqa: SLF001 -- the file is locked
