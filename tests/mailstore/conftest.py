"""Stores to test: every test that asks for ``open_mail_store`` runs in memory and on a SQLite file.

On the file once as usual, once so that every change of more than one message is written in steps of one message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from labserver.clock import FixedClock
from labserver.limits import Limits
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labserver.mailstore.account import Account
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.storage import Storage


class OpenMailStore(Protocol):
    """Opens the test's store."""

    def __call__(self, limits: Limits = ...) -> MailStore:
        """Open a store; it is closed after the test."""


@pytest.fixture(params=["memory", "sqlite", "steps"])
def open_mail_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenMailStore]:
    """Return what opens an empty store under given limits."""
    opened: list[MailStore] = []

    def open_store(limits: Limits = Limits()) -> MailStore:  # noqa: B008 -- frozen
        path = tmp_path_factory.mktemp("store") / "lab.db"
        opened.append(MailStore(storage=_storage(request.param, path), limits=limits, clock=FixedClock()))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def _storage(kind: str, path: Path) -> Storage:
    if kind == "memory":
        return MemoryStorage()
    return SqliteStorage(path, at_once=1) if kind == "steps" else SqliteStorage(path)


@pytest.fixture
def mail_store(open_mail_store: OpenMailStore) -> MailStore:
    """Return an empty store with the default limits."""
    return open_mail_store()


@pytest.fixture
def mail_account(mail_store: MailStore) -> Account:
    """Return a new account."""
    return mail_store.account("alice")


@pytest.fixture
def inbox(mail_account: Account) -> Mailbox:
    """Return a new account's INBOX."""
    return mail_account.mailboxes["INBOX"]
