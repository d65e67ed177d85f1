"""The mail store: accounts by name, over one storage. Used from one thread at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.clock import SystemClock
from labserver.errors import LimitExceededError
from labserver.limits import Limits
from labserver.mailstore.account import USUAL_MAILBOXES, Account
from labserver.mailstore.storage import MemoryStorage, StoredAccount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labserver.clock import Clock
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Body, Draft, Message
    from labserver.mailstore.storage import Storage

__all__ = ["MailStore"]


class MailStore:
    """Every account's mail. Loads what ``storage`` kept; raises ConfigurationError when that cannot be read.

    The storage is the store's from then on: it is closed with it.
    """

    def __init__(
        self,
        *,
        storage: Storage | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        folders: Mapping[str, str | None] = USUAL_MAILBOXES,
    ) -> None:
        self._storage: Storage = storage or MemoryStorage()
        self._limits = limits or Limits()
        self._clock: Clock = clock or SystemClock()
        self._folders = folders
        """What a new account begins with: names, each with its special use."""
        try:
            contents = self._storage.load()
        except BaseException:
            self._storage.close()
            raise
        self._last_uid_validity = contents.last_uid_validity
        self.accounts: dict[str, Account] = {stored.name: self._account(stored) for stored in contents.accounts}
        """By name; read-only for others."""

    def account(self, name: str) -> Account:
        """Return the account of that name; on first use it is made, with the mailboxes that accounts begin with.

        Raise LimitExceededError (``LIMIT``) when there are too many already.
        """
        account = self.accounts.get(name)
        if account is None:
            if len(self.accounts) >= self._limits.accounts:
                raise LimitExceededError(f"There cannot be more than {self._limits.accounts} accounts.", code="LIMIT")
            account = self._account(StoredAccount(name=name, mailboxes=()))
            account.set_up()
            self.accounts[name] = account
        return account

    def remove(self, name: str) -> None:
        """Remove an account with all of its mail; does nothing if there is none of that name.

        Sessions that have one of its mailboxes open keep what they see, and can change nothing.
        """
        account = self.accounts.pop(name, None)
        if account is not None:
            account.tear_down()

    def append(self, drafts: Mapping[Mailbox, Sequence[Draft]]) -> dict[Mailbox, list[Message]]:
        """Append to several mailboxes, all or nothing; a draft that goes to several is kept once.

        Raise what :meth:`labserver.mailstore.mailbox.Mailbox.append` raises.
        """
        bodies: dict[int, Body] = {}
        changes = {mailbox: mailbox.plan_append(batch, bodies) for mailbox, batch in drafts.items() if batch}
        self._storage.commit(list(changes.values()))
        for mailbox, change in changes.items():
            mailbox.apply_addition(change)
        return {mailbox: list(change.messages) for mailbox, change in changes.items()}

    def close(self) -> None:
        """Release the storage; everything acknowledged is already in it."""
        self._storage.close()

    def _account(self, stored: StoredAccount) -> Account:
        return Account(
            stored,
            storage=self._storage,
            limits=self._limits,
            clock=self._clock,
            next_uid_validity=self._next_uid_validity,
            folders=self._folders,
        )

    def _next_uid_validity(self) -> int:
        """Return a value that no mailbox of this store ever had: the time in seconds, or the next free number."""
        self._last_uid_validity = max(int(self._clock.now().timestamp()), self._last_uid_validity + 1)
        return self._last_uid_validity
