"""Properties of messages, in both kinds of storage: how they begin, that they stay, and what that costs."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock
from labserver.effort import Effort, at_once
from labserver.imap.extensions.properties import PROPERTIES, SAVED
from labserver.imap.extensions.table import EXTENSIONS
from labserver.mailstore.message import Draft
from labserver.mailstore.moments import packed
from labserver.mailstore.planning import transfer
from labserver.mailstore.properties import Property
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message

FIRST = Property(name="first", begins=lambda moment, original: moment if original is None else original)
"""When a message came into the store, which its copies inherit."""
HOUR = timedelta(hours=1)


class Desk:
    """A store, and its clock."""

    def __init__(self, kind: str, path: Path, properties: Sequence[Property]) -> None:
        self.kind = kind
        self.path = path
        self.properties = properties
        self.clock = FixedClock()
        self.began = self.clock.moment
        self.store = self.opened()

    def opened(self) -> MailStore:
        """Open the store; the long changes of one kind are written in steps."""
        if self.kind == "memory":
            storage: MemoryStorage | SqliteStorage = MemoryStorage(properties=self.properties)
        else:
            at_once = 1 if self.kind == "steps" else 1_000
            storage = SqliteStorage(self.path, properties=self.properties, at_once=at_once)
        return MailStore(storage=storage, clock=self.clock)

    def again(self) -> None:
        """Close the store and open it again, where it lasts."""
        if self.kind != "memory":
            self.store.close()
            self.store = self.opened()

    def mailbox(self, name: str = "INBOX") -> Mailbox:
        """Return one of alice's mailboxes."""
        found = self.store.account("alice").mailbox(name)
        assert found is not None
        return found

    def append(self, *, arrived: int | None = None) -> Message:
        """Append a message to INBOX, with an internal date some hours from the beginning."""
        date = None if arrived is None else self.began + arrived * HOUR
        (made,) = self.mailbox().append([Draft(content=b"x", internal_date=date)])
        return made

    def hours(self, name: str, mailbox: str = "INBOX") -> list[int | None]:
        """Return a property of a mailbox's messages, in hours since the beginning."""
        found = self.mailbox(mailbox)
        values = [found.properties.value(name, message) for message in found.messages]
        begin = packed(self.began)
        return [None if value is None else (value - begin) // (3600 << 12) for value in values]


@pytest.fixture(params=["memory", "sqlite", "steps"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return a kind of storage."""
    return str(request.param)


@pytest.fixture(params=[(SAVED,), (FIRST, SAVED)], ids=["one", "two"])
def desk(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Desk:
    """Return a store of that kind that keeps one property, or two."""
    return Desk(kind, tmp_path / "lab.db", request.param)


def test_it_begins_when_a_message_is_saved(desk: Desk) -> None:
    """Whatever the internal date is; and it stays as it is, after a restart too."""
    for arrived in (None, None, 7, None, -5, 3):
        desk.append(arrived=arrived)
        desk.clock.moment += HOUR
    for _ in range(2):
        assert desk.hours("saved") == [0, 1, 2, 3, 4, 5]
        desk.again()
    message = desk.mailbox().messages[0]
    desk.mailbox().change_flags([(message, frozenset({"\\Seen"}))])
    desk.mailbox().expunge([desk.mailbox().messages[2]])
    desk.append(arrived=6)
    for _ in range(2):
        assert desk.hours("saved") == [0, 1, 3, 4, 5, 6]
        desk.again()


@pytest.mark.parametrize("move", [False, True], ids=["copy", "move"])
@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
def test_a_copy_begins_anew(desk: Desk, *, move: bool, long: bool) -> None:
    """Its own function decides: the save date is the copy's, what is inherited is the original's."""
    for arrived in (None, 9, None):
        desk.append(arrived=arrived)
        desk.clock.moment += HOUR
    desk.clock.moment += 5 * HOUR
    inbox, target = desk.mailbox(), desk.mailbox("Sent")
    if long:
        at_once(transfer(inbox, list(inbox.messages), target, Effort(), move=move))
    elif move:
        inbox.move(list(inbox.messages), target)
    else:
        inbox.copy(list(inbox.messages), target)
    for _ in range(2):
        assert desk.hours("saved", "Sent") == [8, 8, 8]
        assert desk.hours("saved") == ([] if move else [0, 1, 2])
        if FIRST in desk.properties:
            assert desk.hours("first", "Sent") == [0, 1, 2]
        desk.again()


def test_renaming(desk: Desk) -> None:
    """A mailbox's other name changes nothing; RENAME of INBOX moves its messages (RFC 3501 6.3.5)."""
    account = desk.store.account("alice")
    desk.append()
    desk.mailbox().copy(desk.mailbox().messages, desk.mailbox("Sent"))
    desk.clock.moment += HOUR
    account.rename("Sent", "Gone")
    account.rename("INBOX", "Old")
    assert desk.hours("saved", "Gone") == [0]
    assert desk.hours("saved", "Old") == [1]
    account.delete("Old")
    desk.again()
    assert desk.hours("saved", "Gone") == [0]


def test_a_store_without(kind: str, tmp_path: Path) -> None:
    """A store that was made without properties has none."""
    desk = Desk(kind, tmp_path / "lab.db", ())
    desk.append()
    assert desk.hours("saved") == [None]
    assert desk.mailbox().properties.names == ()


def test_what_was_there_before(tmp_path: Path) -> None:
    """Messages of a file that knew no properties have none; those that come later do, and copies begin anew."""
    path = tmp_path / "lab.db"
    before = Desk("sqlite", path, ())
    before.append()
    before.append()
    before.store.close()
    desk = Desk("sqlite", path, (FIRST, SAVED))
    assert desk.hours("saved") == [None, None]
    desk.clock.moment += HOUR
    desk.append()
    desk.mailbox().copy(desk.mailbox().messages[:1], desk.mailbox("Sent"))
    for _ in range(2):
        assert desk.hours("saved") == desk.hours("first") == [None, None, 1]
        assert desk.hours("saved", "Sent") == [1]
        assert desk.hours("first", "Sent") == [1]  # it has no other beginning to inherit
        desk.again()


def test_delivered_mail_adds_no_row(tmp_path: Path) -> None:
    """Whose save date is its internal date takes nothing: in the file one row, in memory the same object."""
    path = tmp_path / "lab.db"
    desk = Desk("sqlite", path, (SAVED,))
    for _ in range(20):
        desk.append()
        desk.clock.moment += HOUR
    for _ in range(2):
        assert all(message.properties is message.arrived for message in desk.mailbox().messages)
        desk.again()
    desk.store.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT name, first, value FROM property").fetchall() == [("saved", 1, None)]
    db.close()


def test_deleting_a_mailbox_leaves_nothing(tmp_path: Path) -> None:
    """Its rows go with it."""
    path = tmp_path / "lab.db"
    desk = Desk("sqlite", path, (FIRST, SAVED))
    desk.append(arrived=3)
    desk.mailbox().copy(desk.mailbox().messages, desk.mailbox("Trash"))
    desk.store.account("alice").delete("Trash")
    desk.store.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(DISTINCT mailbox) FROM property").fetchall() == [(1,)]
    db.close()


def test_the_light_table_is_complete() -> None:
    """What the rows of extensions bring is what stores are made with, in that order."""
    brought = [one for extension in EXTENSIONS.values() for one in extension.properties]
    assert sorted(brought, key=PROPERTIES.index) == list(PROPERTIES)
    assert len({one.name for one in PROPERTIES}) == len(PROPERTIES)
