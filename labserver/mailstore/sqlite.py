"""The storage in one SQLite file: one transaction per change of the store, octets read when they are asked for.

Durability: the file is in WAL mode. A commit has reached the operating system when it returns, so it survives the end
of this process in any way, ``kill -9`` included. With ``synchronous=NORMAL`` (the default) a crash of the whole machine
may lose the last commits, never the file's consistency; ``full`` waits for the disk at each commit and survives that
too.

The file is locked while it is open: two processes would each serve their own memory of it.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from labserver.budget import Budget
from labserver.errors import ConfigurationError, LabFullError, StorageFullError, StoreError, reason
from labserver.mailstore.blobs import Blobs
from labserver.mailstore.cache import NO_BODY, WarmMessages
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.properties import Properties
from labserver.mailstore.reading import Reader
from labserver.mailstore.room import Room
from labserver.mailstore.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, UPGRADES
from labserver.mailstore.soundness import fault
from labserver.mailstore.staging import AT_ONCE, Batch, Staging
from labserver.mailstore.storage import (
    PER_MESSAGE,
    Contents,
    FlagsStored,
    MailboxRemoved,
    MessagesAdded,
    MessagesRemoved,
    growth,
)
from labserver.mailstore.store_file import octets, prepare
from labserver.mailstore.writing import Writer, added, drop_sent, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labserver.mailstore.message import Body, Message
    from labserver.mailstore.properties import Property
    from labserver.mailstore.storage import Change

__all__ = ["SqliteStorage"]

T = TypeVar("T")

log = logging.getLogger("labserver.store")

_MIB = 1 << 20
_RESTORE = "restore it from a copy, or move it away to begin with an empty store"
_DAMAGED = f"it is damaged; {_RESTORE}"
_WHAT_TO_DO = {
    sqlite3.SQLITE_ERROR: _DAMAGED,
    sqlite3.SQLITE_BUSY: "it is in use, by another labserver perhaps; stop that one, or use another file",
    sqlite3.SQLITE_NOTADB: "it is not a mail store and was left as it is; use another file",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_IOERR_SHORT_READ: _DAMAGED,
    sqlite3.SQLITE_READONLY: "it cannot be written; change its permissions, or use another file",
    sqlite3.SQLITE_CANTOPEN: "it must be a plain file in a directory that can be written",
}


class SqliteStorage:
    """A store file, made (mode 0600) where there is none. Raise ConfigurationError when it cannot be used.

    ``cache_size`` bounds the octets of messages held in memory; they count in ``budget``, and so does every message.
    A change of more than ``at_once`` messages is written in several transactions.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        cache_size: int = 64 * _MIB,
        budget: Budget | None = None,
        at_once: int = AT_ONCE,
        properties: Sequence[Property] = (),
    ) -> None:
        self.properties = Properties(properties)
        self._path = Path(path)
        self._log = Path(f"{self._path.resolve()}-wal")
        self._told = ""
        self._budget = budget or Budget()
        self._warm = WarmMessages(self, capacity=cache_size, budget=self._budget)
        with self._explained():
            prepare(self._path)
            # One thread at a time is the store's rule; it need not be the one that opened it.
            self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        self._blobs = Blobs(self._db)
        self._numbers = count(1)
        self._staging = Staging(self._db, at_once=at_once)
        self._kept = False
        """Something that was removed may still be in the file, because it was being sent."""
        self._room = Room(self._path.resolve(), self._log, self._db)
        try:
            with self._explained():
                self._open(synchronous)
                self._room.reserve()
        except BaseException:
            self._db.close()
            raise

    def load(self) -> Contents:
        """Return everything kept, without the messages' octets. Raise ConfigurationError when the file is damaged."""
        with self._explained():
            contents = Reader(self._db, self._warm, self._staging.shelves, self.properties).contents()
        messages = sum(len(mailbox.messages) for account in contents.accounts for mailbox in account.mailboxes)
        self._budget.take(PER_MESSAGE * messages, forced=True)
        return contents

    def commit(self, changes: Sequence[Change]) -> None:
        """Keep all of ``changes``, or raise StoreError (StorageFullError for a full disk) and keep none."""
        if not changes:
            return
        self.settle()
        more = growth(changes)
        if more > 0 and not self._budget.take(more):
            raise LabFullError
        try:
            keys = self._keep(changes)
        except BaseException:
            self._budget.give(max(0, more))
            raise
        self._budget.give(max(0, -more))
        if any(isinstance(change, MailboxRemoved | MessagesRemoved) for change in changes):
            self._kept = self._kept or bool(self._warm.being_sent)
            self._blobs.keep(self._warm.being_sent)
        for change in changes:
            if isinstance(change, MessagesAdded) and not change.copies:  # copies have both from their originals
                for message in change.messages:
                    message.body = key_of(message, keys)
                    message.keeper = self._warm
            elif isinstance(change, MailboxRemoved | MessagesRemoved) and change.let_go:
                self.let_go(change.messages)

    def prepare(self, messages: int, *, seen: int) -> Batch | None:
        """Return what prepares a change of many messages."""
        return self._staging.batch(self._write, seen=seen) if messages > self._staging.at_once else None

    def settle(self) -> int:
        """Do a short step of what commits left; where it fails, it is tried again after the next commit."""
        if not self._staging.due:
            return 0
        try:
            done = self._write(lambda: self._staging.do_some(self._warm.being_sent), octets=0)
        except StoreError:
            return 0
        self._kept = self._kept or bool(self._warm.being_sent)
        done()
        return self._staging.step

    def let_go(self, messages: Sequence[Message]) -> None:
        """Drop what is in memory of messages; the file has let go of their octets already."""
        for message in messages:
            self._warm.chill(message)
            message.body = NO_BODY

    def read_content(self, message: Message) -> bytes:
        """Return the octets; StoreError when they are gone (``EXPUNGEISSUED``) or cannot be read (``UNAVAILABLE``)."""
        content = self._column("octets", message)
        if not isinstance(content, bytes) or len(content) != message.size:
            raise self._failed("read", f"the content {message.body} is damaged")
        return content

    def read_octets(self, key: int, start: int, end: int) -> bytes:
        """Return some of the octets of a content; StoreError like :meth:`read_content`."""
        try:
            return self._blobs.read(key, start, end)
        except sqlite3.Error as error:
            if self._db.execute("SELECT 1 FROM content WHERE id = ?", (key,)).fetchone() is None:
                raise StoreError("The message was expunged.", code="EXPUNGEISSUED") from error
            raise self._failed("read", error) from error

    def finished(self, key: int) -> None:
        """Let go of the window of a content that is sent."""
        self._blobs.forget(key)

    def read_envelope(self, message: Message) -> Envelope | None:
        """Return the envelope; StoreError like :meth:`read_content`."""
        envelope = self._column("envelope", message)
        try:
            return None if envelope is None else Envelope.from_json(str(envelope))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise self._failed("read", f"the envelope {message.body} is damaged") from error

    def pragma(self, text: str) -> object:
        """Return what ``PRAGMA text`` says; for looking into an open file that no other connection can have."""
        return self._db.execute(f"PRAGMA {text}").fetchone()[0]

    def close(self) -> None:
        """Write the log back into the file and release it."""
        self._blobs.close()
        with suppress(sqlite3.Error):  # it is done when the file is opened, too
            drop_sent(self._db)
        self._db.close()
        self._room.close()

    def _keep(self, changes: Sequence[Change]) -> dict[Body, int]:
        """Write changes in one transaction and return the keys of the bodies it added."""

        def write() -> Writer:
            writer = Writer(
                self._db, self._staging, self.properties, being_sent=self._warm.being_sent, numbers=self._numbers
            )
            if self._kept:
                drop_sent(self._db, self._warm.being_sent)
            for change in changes:
                writer.write(change)
            return writer

        writer = self._write(write, octets=added(changes))
        for shelf in writer.shelves:
            self._staging.shelves.add(shelf)
        for number in writer.batches:
            self._staging.committed(number)
        for change in changes:
            if isinstance(change, MailboxRemoved):
                self._staging.shelves.remove(change.mailbox)
            elif isinstance(change, MessagesAdded | MessagesRemoved | FlagsStored) and isinstance(
                change.prepared, Batch
            ):
                change.prepared.committed = True
        return writer.keys

    def _write(self, do: Callable[[], T], *, octets: int) -> T:
        """Do something in one transaction; again, from the beginning, when room was made for it."""
        self._blobs.close()  # while somebody reads the log, it cannot be written back
        try:
            result = self._room.within(lambda: self._transact(do), octets=octets)
        except sqlite3.Error as error:
            raise self._failed("written", error) from error
        except StorageFullError as error:
            self._failed("written", error)
            raise
        except OSError as error:
            raise StoreError("The message could not be read again") from error
        self._told = ""
        return result

    def _transact(self, do: Callable[[], T]) -> T:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            result = do()
            self._db.execute("COMMIT")
        finally:
            self._roll_back()
        return result

    def _column(self, name: Literal["octets", "envelope"], message: Message) -> object:
        try:
            row = self._db.execute(f"SELECT {name} FROM content WHERE id = ?", (message.body,)).fetchone()  # noqa: S608 -- a literal
        except sqlite3.Error as error:
            raise self._failed("read", error) from error
        if row is None:
            raise StoreError("The message was expunged.", code="EXPUNGEISSUED")
        return row[0]

    def _failed(self, what: str, why: object) -> StoreError:
        """Return what clients are told; the operator is told which file it is, once for each reason."""
        reason = f"{self._path} could not be {what}: {why}"
        if reason != self._told:
            log.error("%s", reason)
        self._told = reason
        return StoreError(f"The mail store could not be {what}: {why}.")

    def _open(self, synchronous: str) -> None:
        """Lock the file, see whose it is, make the tables of a new one."""
        # Both locks from the first statement on: of two processes that start at once, one gets the file.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("BEGIN EXCLUSIVE")
        try:
            self._check_schema()
            self._db.execute("COMMIT")
        finally:
            self._roll_back()
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {synchronous}")
        # Some systems' SQLite overwrites what is deleted, which takes as much room in the log as it frees in the file.
        self._db.execute("PRAGMA secure_delete = FAST")
        self._db.execute("PRAGMA temp_store = MEMORY")  # another disk may be full as well
        self._db.execute(f"PRAGMA journal_size_limit = {64 * _MIB}")
        drop_sent(self._db)
        self._resume()
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM content").fetchone()
        self._numbers = count(last + 1)

    def _resume(self) -> None:
        """Finish the long changes that were committed, forget the others."""
        try:
            self._room.within(lambda: self._transact(self._staging.resume), octets=0)
        except StorageFullError as error:
            raise ConfigurationError(
                f"{self._path}: the disk is full, and changes that were begun cannot be finished; make some room"
            ) from error

    def _check_schema(self) -> None:
        application, version = self.pragma("application_id"), self.pragma("user_version")
        if self.pragma("schema_version") == 0:  # no statement ever made a table in it
            for statement in SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            return
        if application != APPLICATION_ID:
            raise ConfigurationError(f"{self._path}: it is the database of another program; use another file")
        if version in UPGRADES:
            for statement in UPGRADES[version].split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise ConfigurationError(
                f"{self._path}: its format is version {version} and this labserver knows version {SCHEMA_VERSION};"
                " use the labserver that wrote it, or another file"
            )
        if wrong := fault(self._db) or self._wrong_size():
            raise ConfigurationError(f"{self._path}: it is damaged ({wrong}); {_RESTORE}")

    def _wrong_size(self) -> str:
        """Return what is wrong with the file's end; while there is a log, it may be shorter or longer than it says."""
        if octets(self._log):
            return ""
        wanted = int(str(self.pragma("page_count"))) * int(str(self.pragma("page_size")))
        found = octets(self._path)
        return "" if found == wanted else f"it has {found} octets in place of {wanted}"

    def _roll_back(self) -> None:
        """End a transaction that did not come to its COMMIT."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what goes wrong with the file into ConfigurationError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            what_to_do = _WHAT_TO_DO.get(code) or _WHAT_TO_DO.get(code & 0xFF) or error
            raise ConfigurationError(f"{self._path}: {what_to_do}") from error
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {reason(error, self._path)}") from error
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self._path}: {_DAMAGED}") from error
