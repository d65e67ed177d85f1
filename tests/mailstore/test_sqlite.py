"""The SQLite file: what comes back, who may open it, what its errors say, how much of it stays in memory."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock
from labserver.effort import Effort, at_once
from labserver.errors import ConfigurationError, StorageFullError, StoreError
from labserver.mailstore import store_file as store_file_module
from labserver.mailstore.cache import WarmMessages
from labserver.mailstore.message import Draft
from labserver.mailstore.planning import expunge
from labserver.mailstore.schema import APPLICATION_ID, SCHEMA_VERSION
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Literal

    from tests.plain_user import PlainUser


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """Return where the test's store is kept."""
    return tmp_path / "lab.db"


def opened(path: Path, *, cache_size: int = 1 << 20) -> MailStore:
    """Open the store file."""
    return MailStore(storage=SqliteStorage(path, cache_size=cache_size), clock=FixedClock())


@pytest.fixture
def kept(store_file: Path) -> Path:
    """Return a closed store file with one message."""
    store = opened(store_file)
    store.account("alice").mailboxes["INBOX"].append([Draft(content=b"kept" * 2_000)])
    store.close()
    return store_file


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Look into a closed store file."""
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def change(path: Path, statement: str) -> None:
    """Tamper with a closed store file."""
    db = sqlite3.connect(path)
    try:
        db.execute(statement)
        db.commit()
    finally:
        db.close()


def test_only_the_owner_can_read_the_files(store_file: Path) -> None:
    """Mode 0600, for the log beside it too."""
    store = opened(store_file)
    store.account("alice")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store_file.parent.iterdir()}
    store.close()
    assert modes == {"lab.db": 0o600, "lab.db-wal": 0o600, "lab.db-reserve": 0o600}


def test_closing_leaves_one_file(kept: Path) -> None:
    """The log is written back."""
    assert [path.name for path in kept.parent.iterdir()] == ["lab.db"]


def test_uid_validity_is_never_given_again(store_file: Path) -> None:
    """Not after delete, restart and create within one second."""
    given = []
    for _ in range(3):
        store = opened(store_file)
        mailbox = store.account("alice").create("again")
        assert mailbox is not None
        given.append(mailbox.uid_validity)
        store.account("alice").delete("again")
        store.close()
    assert given == sorted(set(given))


def test_a_second_process_is_turned_away(kept: Path) -> None:
    """Two processes would each serve their own memory of the file; the first goes on undisturbed."""
    store = opened(kept)
    program = (
        "import sys\n"
        "from labserver.errors import ConfigurationError\n"
        "from labserver.mailstore.sqlite import SqliteStorage\n"
        "try:\n"
        "    SqliteStorage(sys.argv[1])\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )
    second = subprocess.run([sys.executable, "-c", program, kept], capture_output=True, text=True, check=True)
    assert second.stdout == f"{kept}: it is in use, by another labserver perhaps; stop that one, or use another file\n"
    inbox = store.account("alice").mailboxes["INBOX"]
    inbox.append([Draft(content=b"still here")])
    assert [message.content[:4] for message in inbox.messages] == [b"kept", b"stil"]
    store.close()


def test_the_same_process_is_turned_away(kept: Path) -> None:
    """And does not lose the first one's lock by trying."""
    store = opened(kept)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="in use"):
            opened(kept)
    store.close()
    opened(kept).close()


def _directory(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_bytes(b"Dear diary\n")


def _random(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def _foreign(path: Path) -> None:
    change(path, "CREATE TABLE other (x)")


def _newer(path: Path) -> None:
    opened(path).close()
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def _truncated(path: Path) -> None:
    store = opened(path)
    store.account("alice").mailboxes["INBOX"].append([Draft(content=b"x" * 9_000)] * 100)
    store.close()
    os.truncate(path, 8_192)


def _nonsense(path: Path) -> None:
    store = opened(path)
    store.account("alice").mailboxes["INBOX"].append([Draft(content=b"x")])
    store.close()
    change(path, "UPDATE message SET internal_date = 'yesterday'")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (_directory, "plain file"),
        (_text, "not a mail store and was left as it is"),
        (_random, "not a mail store and was left as it is"),
        (_foreign, "another program"),
        (_newer, f"version {SCHEMA_VERSION + 1} .* knows version {SCHEMA_VERSION}"),
        (_truncated, "damaged; restore it"),
        (_nonsense, "damaged; restore it"),
    ],
)
def test_an_unusable_file_is_named_and_left_alone(store_file: Path, prepare: Callable[[Path], None], says: str) -> None:
    """One ConfigurationError with the path and what to do; not an octet is changed, no lock is left."""
    prepare(store_file)
    before = store_file.read_bytes() if store_file.is_file() else b""
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=says) as error:
            opened(store_file)
        assert str(error.value).startswith(f"{store_file}: ")
    assert (store_file.read_bytes() if store_file.is_file() else b"") == before


@pytest.mark.parametrize(
    ("version", "absent"), [(1, ("shelf", "batch", "task", "property")), (2, ("property",))], ids=["1", "2"]
)
def test_a_file_of_a_format_before(kept: Path, version: int, absent: Sequence[str]) -> None:
    """A file of an earlier version gets the tables that it has not, and loses nothing."""
    before = MailStore(storage=SqliteStorage(kept))
    expected = [
        (message.uid, message.flags, message.content) for message in before.account("alice").mailboxes["INBOX"].messages
    ]
    before.close()
    for statement in (*(f"DROP TABLE {name}" for name in absent), f"PRAGMA user_version = {version}"):
        change(kept, statement)
    after = MailStore(storage=SqliteStorage(kept, at_once=0))
    inbox = after.account("alice").mailboxes["INBOX"]
    assert [(message.uid, message.flags, message.content) for message in inbox.messages] == expected
    assert expected
    at_once(expunge(inbox, list(inbox.messages), Effort(), marked=lambda _: True))
    after.close()
    storage = SqliteStorage(kept)
    assert (storage.pragma("user_version"), storage.pragma("integrity_check")) == (SCHEMA_VERSION, "ok")
    storage.close()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """Directories are not made by accident."""
    with pytest.raises(ConfigurationError, match=r"absent/lab\.db: there is no folder .*absent; make it first$"):
        opened(tmp_path / "absent" / "lab.db")


@pytest.mark.parametrize(
    ("file", "folder", "named"),
    [(0o400, 0o700, "lab.db"), (0o600, 0o500, ""), (0o400, 0o500, "lab.db"), (0o000, 0o700, "lab.db")],
)
def test_what_may_only_be_read_is_named(plain_user: PlainUser, file: int, folder: int, named: str) -> None:
    """A store that could not acknowledge anything does not open, whether its file or its directory is read-only."""
    path = plain_user.folder / "kept" / "lab.db"
    path.parent.mkdir()
    opened(path).close()
    plain_user.own(path).chmod(file)
    plain_user.own(path.parent).chmod(folder)
    with plain_user.acting():
        for _ in range(2):
            with pytest.raises(ConfigurationError) as error:
                opened(path)
            assert str(error.value) == (
                f"{path.parent / named}: it cannot be written; change its permissions, or use another file"
            )
    path.parent.chmod(0o700)
    path.chmod(0o600)
    with plain_user.acting():
        opened(path).close()


def test_a_new_file_where_nothing_may_be_written(plain_user: PlainUser) -> None:
    """A store cannot be made in a directory that is read-only."""
    plain_user.folder.chmod(0o500)
    with (
        plain_user.acting(),
        pytest.raises(ConfigurationError, match=r"/lab\.db: it cannot be written: Permission denied"),
    ):
        opened(plain_user.folder / "lab.db")
    plain_user.folder.chmod(0o700)
    with plain_user.acting():
        opened(plain_user.folder / "lab.db").close()


def test_a_read_only_file_system(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system says that nothing can be written, whoever asks, that is told."""
    monkeypatch.setattr(store_file_module, "_may_write", lambda _: False)
    with pytest.raises(ConfigurationError, match=f"{kept}: it cannot be written"):
        opened(kept)
    monkeypatch.setattr(store_file_module, "make_private", _read_only)
    with pytest.raises(ConfigurationError, match=r"/new: it cannot be written: Read-only file system; use another"):
        opened(kept.with_name("new"))


def _read_only(path: Path) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("new", [False, True])
def test_another_users_file(store_file: Path, strangers: set[Path], ending: str, *, new: bool) -> None:
    """A file that another user left in the place of the store, or of its logs, is refused and stays as it is."""
    if not new:
        opened(store_file).close()
    path = store_file.with_name(store_file.name + ending)
    path.touch()
    before = path.read_bytes()
    strangers.add(path)
    remedy = "remove it" if ending else "use another file"
    with pytest.raises(ConfigurationError, match=f"{path}: it belongs to another user; {remedy}"):
        opened(store_file)
    strangers.clear()
    path.chmod(0o606)
    with pytest.raises(ConfigurationError, match=f"{path}: others can write it; chmod 600 {path}"):
        opened(store_file)
    assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["link", "FIFO"])
def test_what_is_no_file(store_file: Path, tmp_path: Path, ending: str, kind: str) -> None:
    """A link in the place of a log, which SQLite would follow, or a FIFO, which it would wait for, is refused."""
    path, precious = store_file.with_name(store_file.name + ending), tmp_path / "precious"
    precious.write_bytes(b"as it was")
    if kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(precious)
    with pytest.raises(ConfigurationError, match=r"not a plain file|not a mail store"):
        opened(store_file)
    assert precious.read_bytes() == b"as it was"


def test_clients_are_told_no_path(
    kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What clients are told of a store that fails has no path; the operator's log has it, once for each reason."""
    storage = SqliteStorage(kept)
    store = MailStore(storage=storage)
    inbox = store.account("alice").mailboxes["INBOX"]
    storage.pragma(f"max_page_count = {storage.pragma('page_count')}")
    for _ in range(3):
        with pytest.raises(StoreError) as refused:
            inbox.append([Draft(content=b"x" * 100_000)])
        assert str(refused.value) == "The disk is full"
    assert [record.getMessage() for record in caplog.records] == [f"{kept} could not be written: The disk is full"]
    storage.pragma("max_page_count = 1000000")
    inbox.append([Draft(content=b"x" * 100_000)])
    monkeypatch.setattr(storage, "_db", sqlite3.connect(":memory:"))
    with pytest.raises(StoreError, match=r"^The mail store could not be written: [^/]*$"):
        inbox.append([Draft(content=b"y")])
    assert len(caplog.records) == 2
    store.close()


def test_the_file_says_whose_it_is(kept: Path) -> None:
    """The application id is in the header, for file(1) and for us."""
    assert int.from_bytes(kept.read_bytes()[68:72], "big") == APPLICATION_ID


@pytest.mark.parametrize(("name", "level"), [("normal", 1), ("full", 2)])
def test_synchronous_is_a_choice(store_file: Path, name: Literal["normal", "full"], level: int) -> None:
    """WAL in any case; whether each commit waits for the disk is the owner's."""
    storage = SqliteStorage(store_file, synchronous=name)
    assert storage.pragma("journal_mode") == "wal"
    assert storage.pragma("synchronous") == level
    storage.close()


def test_a_full_disk_changes_nothing(store_file: Path) -> None:
    """What cannot be written raises StorageFullError; everything before is there, and later appends work again."""
    storage = SqliteStorage(store_file)
    store = MailStore(storage=storage)
    inbox = store.account("alice").mailboxes["INBOX"]
    inbox.append([Draft(content=b"before")])
    pages = storage.pragma("page_count")
    storage.pragma(f"max_page_count = {pages}")
    with pytest.raises(StorageFullError) as refused:
        inbox.append([Draft(content=b"x" * 100_000)])
    assert (str(refused.value), refused.value.code) == ("The disk is full", "OVERQUOTA")
    assert [message.uid for message in inbox.messages] == [1]
    storage.pragma("max_page_count = 1000000")
    inbox.append([Draft(content=b"after")])
    store.close()
    again = opened(store_file)
    messages = again.account("alice").mailboxes["INBOX"].messages
    assert [(message.uid, message.content) for message in messages] == [(1, b"before"), (2, b"after")]
    again.close()


def test_copies_share_their_octets_and_the_last_one_drops_them(store_file: Path) -> None:
    """One row for all copies, none when the last is gone: by expunge, by delete, by move and back."""
    store = opened(store_file)
    account = store.account("alice")
    inbox, sent = account.mailboxes["INBOX"], account.mailboxes["Sent"]
    draft = Draft(content=b"shared")
    one, other = inbox.append([draft, draft])
    inbox.copy([one, other], sent)
    inbox.move([one], account.mailboxes["Trash"])
    inbox.expunge([other])
    account.rename("INBOX", "empty")
    store.close()
    assert rows(store_file, "SELECT octets FROM content") == [(b"shared",)]
    store = opened(store_file)
    account = store.account("alice")
    assert [message.content for message in account.mailboxes["Sent"].messages] == [b"shared"] * 2
    account.delete("Sent")
    assert account.mailboxes["Trash"].messages[0].content == b"shared"
    account.delete("Trash")
    store.close()
    assert rows(store_file, "SELECT count(*) FROM content") == [(0,)]
    assert rows(store_file, "SELECT count(*) FROM message") == [(0,)]


def test_an_expunged_message_has_no_octets_any_more(store_file: Path) -> None:
    """A session that still shows it gets EXPUNGEISSUED (RFC 5530), warm or cold."""
    store = opened(store_file)
    inbox = store.account("alice").mailboxes["INBOX"]
    (message,) = inbox.append([Draft(content=b"x")])
    assert message.content == b"x"
    inbox.expunge([message])
    for read in (lambda: message.content, lambda: message.envelope):
        with pytest.raises(StoreError) as gone:
            read()
        assert gone.value.code == "EXPUNGEISSUED"
    store.close()


def test_what_cannot_be_read_says_so(kept: Path) -> None:
    """A reading that fails is a StoreError, which a session can answer; here the file was closed under it."""
    store = opened(kept)
    (message,) = store.account("alice").mailboxes["INBOX"].messages
    store.close()
    with pytest.raises(StoreError, match="could not be read") as failed:
        _ = message.content
    assert failed.value.code == "UNAVAILABLE"


def test_octets_that_are_not_what_was_kept_are_not_served(kept: Path) -> None:
    """A content of another size is damage, said so."""
    change(kept, "UPDATE content SET octets = x'00'")
    store = opened(kept)
    with pytest.raises(StoreError, match="damaged"):
        _ = store.account("alice").mailboxes["INBOX"].messages[0].content
    store.close()


def test_memory_is_bounded(store_file: Path) -> None:
    """Appending and reading through a mailbox far larger than the cache holds no more than the cache's size."""
    store = opened(store_file, cache_size=100_000)
    inbox = store.account("alice").mailboxes["INBOX"]
    for number in range(100):
        inbox.append([Draft(content=b"%03d" % number + b"x" * 10_000)])

    keeper = inbox.messages[0].keeper
    assert isinstance(keeper, WarmMessages)
    assert keeper.held == 0
    for number, message in enumerate(inbox.messages):
        assert message.content.startswith(b"%03d" % number)
        assert message.keep("date", b"1")
    assert 90_000 < keeper.held <= 100_000
    assert sum(message.cache is not None for message in inbox.messages) <= 10
    store.close()


def test_one_large_message_stays_while_it_is_read(store_file: Path) -> None:
    """The last message read is warm, whatever its size: a FETCH in parts reads it from the file once."""
    store = opened(store_file, cache_size=10)
    inbox = store.account("alice").mailboxes["INBOX"]
    one, other = inbox.append([Draft(content=b"1" * 1_000), Draft(content=b"2" * 1_000)])
    assert one.content is one.content
    keeper = one.keeper
    assert isinstance(keeper, WarmMessages)
    assert keeper.held == 1_000
    assert other.content is other.content
    assert keeper.held == 1_000
    store.close()


def test_keywords_come_back_in_their_order(store_file: Path) -> None:
    """Those that a message has; one that an older labserver still remembered is forgotten when the file is opened."""
    store = opened(store_file)
    inbox = store.account("alice").mailboxes["INBOX"]
    for keyword in ("Z", "b", "A", "gone"):
        (message,) = inbox.append([Draft(content=b"x", flags=frozenset({keyword}))])
    inbox.expunge([message])
    store.close()
    assert rows(store_file, "SELECT keywords FROM mailbox WHERE name = 'INBOX'") == [("Z b A",)]
    change(store_file, "UPDATE mailbox SET keywords = 'old Z b A' WHERE name = 'INBOX'")
    store = opened(store_file)
    inbox = store.account("alice").mailboxes["INBOX"]
    assert inbox.keywords == ["Z", "b", "A"]
    (message,) = inbox.append([Draft(content=b"x", flags=frozenset({"z", "OLD"}))])
    assert message.flags == {"Z", "OLD"}
    store.close()
