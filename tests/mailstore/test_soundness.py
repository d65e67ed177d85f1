"""A damaged store file is told when it is opened, not by the client that meets the damage."""

from __future__ import annotations

import os
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock
from labserver.errors import ConfigurationError, StoreError
from labserver.mailstore import soundness
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.message import Draft
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = 4096


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return a closed store file with small and large messages, copies, keywords, containers and free pages."""
    path = tmp_path / "lab.db"
    store = MailStore(storage=SqliteStorage(path), clock=FixedClock())
    for name in ("alice", "bob"):
        account = store.account(name)
        inbox = account.mailboxes["INBOX"]
        account.create("a/b/c", special_use="\\Archive")
        envelope = Envelope(sender="me", recipients=())
        drafts = [Draft(content=bytes([65 + n]) * (n * 700), envelope=envelope) for n in range(40)]
        messages = inbox.append(drafts)
        inbox.change_flags([(message, frozenset({"\\Seen", "$Later"})) for message in messages[::3]])
        inbox.copy(messages[::2], account.mailboxes["Sent"])
        inbox.expunge(messages[30:])
    store.close()
    return path


def opened(path: Path) -> MailStore:
    """Open the file."""
    return MailStore(storage=SqliteStorage(path), clock=FixedClock())


def _sql(statements: str) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        db = sqlite3.connect(path)
        db.executescript(statements)
        db.close()

    return tamper


def _shorter(octets: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, path.stat().st_size - octets)


def _longer(octets: bytes) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        with path.open("ab") as file:
            file.write(octets)

    return tamper


def root_page(path: Path, name: str) -> int:
    """Return where in the file a table or index begins."""
    db = sqlite3.connect(path)
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    db.close()
    return (int(page) - 1) * PAGE


def _overwritten(name: str) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        start = root_page(path, name)
        with path.open("r+b") as file:
            file.seek(start)
            file.write(b"\xa5" * PAGE)

    return tamper


_TABLES = ("lab", "account", "mailbox", "container", "subscription", "content", "message", "shelf", "batch", "task")
_BY_SQL = {
    **{f"DROP TABLE {name}": f"there is no table {name}" for name in _TABLES},
    "DROP INDEX message_content": "there is no index message_content",
    "ALTER TABLE message DROP COLUMN modseq": "the table message is another",
    "ALTER TABLE mailbox RENAME COLUMN keywords TO words": "the table mailbox is another",
    "ALTER TABLE content ADD COLUMN more": "the table content is another",
    "PRAGMA writable_schema = ON;"
    "UPDATE sqlite_master SET sql = replace(sql, 'octets BLOB', 'octets TEXT')": "the table content is another",
    "DROP TABLE lab; CREATE VIEW lab AS SELECT 0 AS last_uid_validity": "there is no table lab",
    "DELETE FROM lab": "counter of mailboxes",
    "INSERT INTO lab VALUES (1)": "counter of mailboxes",
    "UPDATE lab SET last_uid_validity = 'x'": "counter of mailboxes",
    "UPDATE lab SET last_uid_validity = 1": "counter of mailboxes",
    "UPDATE account SET name = x'00' WHERE name = 'bob'": "an account",
    "DELETE FROM mailbox WHERE name = 'INBOX' AND account = 'bob'": "an account",
    "DELETE FROM account WHERE name = 'bob'": "a mailbox",
    "UPDATE mailbox SET uid_next = 'many' WHERE name = 'Sent'": "a mailbox",
    "UPDATE mailbox SET keywords = x'01'": "a mailbox",
    "UPDATE mailbox SET highest_modseq = 0": "a mailbox",
    "UPDATE mailbox SET special_use = x'00'": "a mailbox",
    "INSERT INTO container VALUES ('carol', 'x')": "the name of a mailbox",
    "INSERT INTO subscription VALUES ('bob', x'00')": "the name of a mailbox",
    "INSERT INTO shelf VALUES (-1, 12345, 10, 5, 1)": "a place of messages",
    "INSERT INTO shelf SELECT -1, uid_validity, 'far', 5, 1 FROM mailbox LIMIT 1": "a place of messages",
    "INSERT INTO batch VALUES (1, 1, 'all', 5)": "a change that is not finished",
    "INSERT INTO task VALUES (1, 1, 1, 9, 2, NULL)": "a change that is not finished",
    "INSERT INTO task VALUES (1, 1, 1, 1, 2, x'00')": "a change that is not finished",
    "UPDATE message SET uid = 'one' WHERE uid = 1": "a message",
    "UPDATE message SET uid = 9999 WHERE uid = 1": "a message",
    "UPDATE message SET mailbox = mailbox + 1000000 WHERE uid = 2": "a message",
    "UPDATE message SET modseq = 1000000 WHERE uid = 3": "a message",
    "UPDATE message SET size = -1 WHERE uid = 3": "a message",
    "UPDATE message SET size = 'large' WHERE uid = 3": "a message",
    "UPDATE message SET content = 'here' WHERE uid = 3": "a message",
    "UPDATE message SET flags = x'ff' WHERE uid = 3": "a message",
    "DELETE FROM content WHERE id = 5": "a message",
    "UPDATE message SET internal_date = 'yesterday' WHERE uid = 5": "it is damaged; restore",
    "UPDATE mailbox SET name = CAST(x'ff' AS TEXT) WHERE name = 'Sent'": "it is damaged; restore",
}
_INDEXES = ("message_content", "sqlite_autoindex_account_1")
_TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    **{statement: (_sql(statement), says) for statement, says in _BY_SQL.items()},
    **{f"{name} overwritten": (_overwritten(name), "it is damaged") for name in (*_TABLES, *_INDEXES)},
    "a page shorter": (_shorter(PAGE), "it is damaged"),
    "ten pages shorter": (_shorter(10 * PAGE), "it is damaged"),
    "an octet shorter": (_shorter(1), "it is damaged"),
    "an octet longer": (_longer(b"x"), "octets in place of"),
    "a page longer": (_longer(bytes(PAGE)), "octets in place of"),
    "much longer": (_longer(b"\xff" * 100_000), "octets in place of"),
}


@pytest.mark.parametrize(("tamper", "says"), _TAMPERED.values(), ids=_TAMPERED)
def test_damage_is_told_at_the_start(whole: Path, tamper: Callable[[Path], None], says: str) -> None:
    """One sentence with the file, what is wrong and what to do; not an octet of it is changed."""
    tamper(whole)
    before = whole.read_bytes()
    with pytest.raises(ConfigurationError, match=says) as error:
        opened(whole)
    what_to_do = "restore it from a copy, or move it away to begin with an empty store"
    assert re.fullmatch(rf"{re.escape(str(whole))}: it is damaged( \(.+\))?; {what_to_do}", str(error.value))
    assert whole.read_bytes() == before


@pytest.mark.parametrize(
    "octets",
    [b"\0" * PAGE, b"\xff" * PAGE, b"\x0d" * PAGE, b"\x0d\0\0\0\x7f\xff"],
    ids=["zeros", "ones", "empty", "torn"],
)
def test_any_page(whole: Path, octets: bytes) -> None:
    """Whichever page is overwritten, it is told at the start, or it is one message's, and reading that one says so."""
    sound = whole.read_bytes()
    told = 0
    for start in range(0, len(sound), PAGE):
        whole.write_bytes(sound[:start] + octets + sound[start + len(octets) :])
        try:
            store = opened(whole)
        except ConfigurationError as error:
            assert str(error).startswith(f"{whole}: it is ")  # noqa: PT017 -- a page may also be no damage
            told += 1
            continue
        assert sum(_broken(store)) <= 4, "the message and its copies"
        store.close()
    assert told >= 8


def _broken(store: MailStore) -> list[bool]:
    """Return for each message whether its octets or its envelope cannot be read."""
    found = []
    for account in store.accounts.values():
        for mailbox in account.mailboxes.values():
            for message in mailbox.messages:
                try:
                    _ = message.content, message.envelope
                except StoreError as error:
                    assert error.code == "UNAVAILABLE"  # noqa: PT017 -- both are right
                    found.append(True)
                else:
                    found.append(False)
    return found


def test_pages_of_content_are_not_read_in_a_very_large_file(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are; what is wrong with a message is told to the client that reads it."""
    asked: list[str] = []
    monkeypatch.setattr(soundness, "WHOLE_UP_TO", 1 << 10)
    db = sqlite3.connect(whole)
    db.set_trace_callback(asked.append)
    soundness.fault(db)
    db.close()
    checked = [statement for statement in asked if "integrity_check" in statement]
    assert [name for name in _TABLES if any(f"({name})" in statement for statement in checked)] == [
        name for name in _TABLES if name != "content"
    ]


def test_a_log_without_its_file(whole: Path) -> None:
    """SQLite would delete the log, and the mail in it: it is told, and stays."""
    log = whole.with_name("lab.db-wal")
    log.write_bytes(b"mail")
    for missing in (False, True):
        whole.unlink() if missing else os.truncate(whole, 0)
        with pytest.raises(ConfigurationError, match=r"lab\.db: it is not there, but its log lab\.db-wal is"):
            opened(whole)
        assert log.read_bytes() == b"mail"
        assert missing is not whole.exists()


def test_a_log_that_was_not_written_back_is_no_damage(tmp_path: Path, whole: Path) -> None:
    """After ``kill -9`` the file is shorter than it says, or longer; what was acknowledged is there."""
    store = opened(whole)
    store.account("alice").mailboxes["Trash"].append([Draft(content=b"x" * 100_000)])
    killed = tmp_path / "killed.db"
    killed.write_bytes(whole.read_bytes())
    killed.with_name("killed.db-wal").write_bytes(whole.with_name("lab.db-wal").read_bytes())
    store.close()
    again = opened(killed)
    assert [message.size for message in again.account("alice").mailboxes["Trash"].messages] == [100_000]
    again.close()
