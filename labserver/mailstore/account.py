r"""An account's tree of mailboxes, its subscriptions, and how names come and go (RFC 9051 6.3.4 to 6.3.8).

Every level above a mailbox exists, as a mailbox or as a *container* (``\Noselect``), which stays until it is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.effort import Effort, at_once
from labserver.errors import LimitExceededError, StorageFullError, StoreError, told
from labserver.mailstore import names
from labserver.mailstore.mailbox import Mailbox
from labserver.mailstore.names import INBOX, SEPARATOR
from labserver.mailstore.planning import let_go, settle, transfer
from labserver.mailstore.storage import (
    AccountAdded,
    AccountRemoved,
    ContainerAdded,
    ContainerRemoved,
    MailboxAdded,
    MailboxRemoved,
    MailboxRenamed,
    StoredAccount,
    StoredMailbox,
    SubscriptionAdded,
    SubscriptionRemoved,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labserver.clock import Clock
    from labserver.effort import Work
    from labserver.limits import Limits
    from labserver.mailstore.storage import Change, MessagesAdded, MessagesRemoved, Storage

__all__ = ["SPECIAL_USES", "USUAL_MAILBOXES", "Account", "begun_with"]

SPECIAL_USES: dict[str, str] = {
    use.lower(): use for use in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash", "\\Important")
}
r"""What CREATE can ask for (RFC 6154 2, RFC 8457), by lower-cased name; ``\All`` and ``\Flagged`` are virtual."""

USUAL_MAILBOXES: dict[str, str | None] = {
    INBOX: None,
    "Drafts": "\\Drafts",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}
"""What every account begins with unless the lab was told otherwise, all subscribed."""


def begun_with(wanted: Iterable[str]) -> dict[str, str | None]:
    """Return what accounts begin with: INBOX and the mailboxes of these names, those of the usual names with their use.

    Raise StoreError for what cannot be a mailbox's name.
    """
    uses = {name.lower(): use for name, use in USUAL_MAILBOXES.items()}
    return {INBOX: None} | {name: uses.get(name.lower()) for name in map(names.checked, wanted)}


class Account:
    """One account's mailboxes; made by :class:`labserver.mailstore.store.MailStore` only."""

    separator = SEPARATOR

    def __init__(
        self,
        stored: StoredAccount,
        *,
        storage: Storage,
        limits: Limits,
        clock: Clock,
        next_uid_validity: Callable[[], int],
        folders: Mapping[str, str | None] = USUAL_MAILBOXES,
    ) -> None:
        self.name = stored.name
        self._storage = storage
        self._limits = limits
        self._clock = clock
        self._next_uid_validity = next_uid_validity
        self._folders = folders
        self.mailboxes: dict[str, Mailbox] = {mailbox.name: self._mailbox(mailbox) for mailbox in stored.mailboxes}
        """By name; read-only for others."""
        self.containers: set[str] = set(stored.containers)
        r"""``\Noselect`` names; read-only for others."""
        self.subscriptions: set[str] = set(stored.subscriptions)
        """Names, whether they exist or not (RFC 9051 6.3.7); read-only for others."""

    def __repr__(self) -> str:
        return f"<Account {self.name!r}: {len(self.mailboxes)} mailboxes>"

    def canonical(self, name: str) -> str:
        """Return ``name`` with a first level INBOX, in any case, spelled so."""
        return names.canonical(name)

    def mailbox(self, name: str) -> Mailbox | None:
        """Return the mailbox of that name, None when there is none (or a container)."""
        return self.mailboxes.get(names.canonical(name))

    def create(self, name: str, *, special_use: str | None = None) -> Mailbox | None:
        r"""Make a mailbox, and containers for the levels above it that do not exist (RFC 9051 6.3.4).

        A container of that name becomes the mailbox. A name that ends in ``/`` makes a container only and returns None.
        Raise StoreError: ``ALREADYEXISTS``, ``CANNOT`` (the name), ``USEATTR`` (the special use), ``LIMIT``.
        """
        container_only = name.endswith(SEPARATOR)
        name = names.checked(name.removesuffix(SEPARATOR))
        if name in self.mailboxes or (container_only and name in self.containers):
            raise StoreError(f"The mailbox {told(name)} already exists.", code="ALREADYEXISTS")
        if special_use is not None:
            special_use = self._special_use(special_use, container_only=container_only)
        changes: list[Change] = self._missing_containers([name])
        if container_only:
            changes.append(ContainerAdded(account=self.name, name=name))
            self._check_room(changes)
            self._commit(changes)
            return None
        if name in self.containers:
            changes.append(ContainerRemoved(account=self.name, name=name))
        added = self._added(name, special_use)
        changes.append(added)
        self._check_room(changes)
        self._commit(changes)
        return self._adopt(added)

    def delete(self, name: str) -> None:
        """Do :meth:`delete_in_turns` at once."""
        at_once(self.delete_in_turns(name, Effort()))

    def delete_in_turns(self, name: str, effort: Effort) -> Work[None]:
        """Delete a mailbox with its messages, or an empty container (RFC 9051 6.3.5); octets are let go of in turns.

        A mailbox with inferiors becomes a container. Raise StoreError: ``CANNOT`` (INBOX), ``NONEXISTENT``,
        ``HASCHILDREN`` (a container with inferiors).
        """
        name = names.canonical(name.removesuffix(SEPARATOR))
        if name == INBOX:
            raise StoreError("INBOX cannot be deleted.", code="CANNOT")
        has_inferiors = any(names.is_below(other, name) for other in self._existing())
        mailbox = self.mailboxes.get(name)
        if mailbox is not None:
            removed = MailboxRemoved(mailbox=mailbox.uid_validity, messages=mailbox.messages, let_go=False)
            changes: list[Change] = [removed]
            if has_inferiors:
                changes.append(ContainerAdded(account=self.name, name=name))
            try:
                self._commit(changes)
            except StorageFullError:
                mailbox.expunge(mailbox.messages)  # in pieces
                changes[0] = MailboxRemoved(mailbox=mailbox.uid_validity, messages=())
                self._commit(changes)
            del self.mailboxes[name]
            mailbox.retire()
            yield from let_go(mailbox, mailbox.messages, effort)
            yield from settle(mailbox, effort)
        elif name not in self.containers:
            raise StoreError(f"There is no mailbox {told(name)}.", code="NONEXISTENT")
        elif has_inferiors:
            raise StoreError(f"{told(name)} has mailboxes below it.", code="HASCHILDREN")
        else:
            self._commit([ContainerRemoved(account=self.name, name=name)])

    def rename(self, old: str, new: str) -> None:
        """Do :meth:`rename_in_turns` at once."""
        at_once(self.rename_in_turns(old, new, Effort()))

    def rename_in_turns(self, old: str, new: str, effort: Effort) -> Work[None]:
        """Give a mailbox or container, and everything below it, another name (RFC 9051 6.3.6).

        INBOX instead moves its messages to a new mailbox, and what is below it stays. Subscriptions stay as they are.
        Raise StoreError: ``NONEXISTENT``, ``ALREADYEXISTS``, ``CANNOT`` (the new name), ``LIMIT``.
        """
        old = names.canonical(old.removesuffix(SEPARATOR))
        new = names.checked(new.removesuffix(SEPARATOR))
        if old not in self.mailboxes and old not in self.containers:
            raise StoreError(f"There is no mailbox {told(old)}.", code="NONEXISTENT")
        if new in self.mailboxes or new in self.containers:
            raise StoreError(f"The mailbox {told(new)} already exists.", code="ALREADYEXISTS")
        if old == INBOX:
            yield from self._rename_inbox(new, effort)
        elif names.is_below(new, old):
            raise StoreError(f"{told(old)} cannot be moved below itself.", code="CANNOT")
        else:
            self._rename_tree(old, new)

    def subscribe(self, name: str) -> None:
        """Add a name to the subscriptions; it need not exist (RFC 9051 6.3.7)."""
        name = names.checked(name.removesuffix(SEPARATOR))
        if name in self.subscriptions:
            return
        if len(self.subscriptions) >= 2 * self._limits.mailboxes:  # all that exist, and as many that do not
            raise LimitExceededError("There are too many subscriptions.", code="LIMIT")
        self._storage.commit([SubscriptionAdded(account=self.name, name=name)])
        self.subscriptions.add(name)

    def unsubscribe(self, name: str) -> None:
        """Take a name from the subscriptions, if it is there."""
        name = names.canonical(name.removesuffix(SEPARATOR))
        if name in self.subscriptions:
            self._storage.commit([SubscriptionRemoved(account=self.name, name=name)])
            self.subscriptions.discard(name)

    def set_up(self) -> None:
        """Make the mailboxes it begins with: the one commit in which a new account comes to be."""
        containers = [
            change
            for change in self._missing_containers(self._folders)
            if isinstance(change, ContainerAdded) and change.name not in self._folders
        ]
        added = [self._added(name, special_use) for name, special_use in self._folders.items()]
        subscriptions = [SubscriptionAdded(account=self.name, name=name) for name in self._folders]
        self._commit([AccountAdded(account=self.name), *containers, *added, *subscriptions])
        for change in added:
            self._adopt(change)
        self.subscriptions.update(self._folders)

    def tear_down(self) -> None:
        """Remove everything in it, and the account itself, in one commit."""
        gone = list(self.mailboxes.values())
        self._storage.commit(
            [
                *(MailboxRemoved(mailbox=mailbox.uid_validity, messages=mailbox.messages) for mailbox in gone),
                AccountRemoved(account=self.name),
            ]
        )
        self.mailboxes.clear()
        self.containers.clear()
        self.subscriptions.clear()
        for mailbox in gone:
            mailbox.retire()

    def _rename_inbox(self, new: str, effort: Effort) -> Work[None]:
        inbox = self.mailboxes[INBOX]
        added = self._added(new, None)
        target = self._mailbox(_stored(added))

        def commit(moved: MessagesAdded, removal: MessagesRemoved | None) -> None:
            """Make the mailbox and move the messages in one commit; others may have made it meanwhile."""
            if new in self.mailboxes or new in self.containers:
                raise StoreError(f"The mailbox {told(new)} already exists.", code="ALREADYEXISTS")
            changes: list[Change] = [*self._missing_containers([new]), added]
            self._check_room(changes)
            moves = [change for change in (moved, removal) if change is not None and change.messages]
            self._commit([*changes, *moves])
            self.mailboxes[new] = target
            inbox.apply(target, moved, removal)

        self._check_room([*self._missing_containers([new]), added])
        yield from transfer(inbox, list(inbox.messages), target, effort, move=True, commit=commit)

    def _rename_tree(self, old: str, new: str) -> None:
        renamed = {
            name: names.checked(new + name.removeprefix(old))
            for name in self._existing()
            if name == old or names.is_below(name, old)
        }
        changes = self._missing_containers([new])
        self._check_room(changes)
        for name, new_name in renamed.items():
            if name in self.mailboxes:
                changes.append(MailboxRenamed(mailbox=self.mailboxes[name].uid_validity, name=new_name))
            else:
                changes.append(ContainerRemoved(account=self.name, name=name))
                changes.append(ContainerAdded(account=self.name, name=new_name))
        self._commit(changes)
        for name, new_name in renamed.items():
            if name in self.mailboxes:
                mailbox = self.mailboxes.pop(name)
                mailbox.name = new_name
                self.mailboxes[new_name] = mailbox

    def _commit(self, changes: list[Change]) -> None:
        """Commit, and let the containers follow."""
        self._storage.commit(changes)
        for change in changes:
            match change:
                case ContainerAdded(name=name):
                    self.containers.add(name)
                case ContainerRemoved(name=name):
                    self.containers.discard(name)
                case _:
                    pass

    def _existing(self) -> Iterable[str]:
        return [*self.mailboxes, *self.containers]

    def _missing_containers(self, wanted: Iterable[str]) -> list[Change]:
        missing = dict.fromkeys(
            above
            for name in wanted
            for above in names.ancestors(name)
            if above not in self.mailboxes and above not in self.containers
        )
        return [ContainerAdded(account=self.name, name=name) for name in missing]

    def _check_room(self, changes: Iterable[Change]) -> None:
        count = len(self.mailboxes) + len(self.containers)
        count += sum(isinstance(change, MailboxAdded | ContainerAdded) for change in changes)
        count -= sum(isinstance(change, ContainerRemoved) for change in changes)
        if count > self._limits.mailboxes:
            raise LimitExceededError(
                f"An account cannot have more than {self._limits.mailboxes} mailboxes.", code="LIMIT"
            )

    def _special_use(self, special_use: str, *, container_only: bool) -> str:
        spelling = SPECIAL_USES.get(special_use.lower())
        if spelling is None or container_only:
            raise StoreError(f"No mailbox can be made for {told(special_use)} here.", code="USEATTR")
        return spelling

    def _added(self, name: str, special_use: str | None) -> MailboxAdded:
        return MailboxAdded(
            account=self.name, name=name, uid_validity=self._next_uid_validity(), special_use=special_use
        )

    def _adopt(self, added: MailboxAdded) -> Mailbox:
        mailbox = self.mailboxes[added.name] = self._mailbox(_stored(added))
        return mailbox

    def _mailbox(self, stored: StoredMailbox) -> Mailbox:
        return Mailbox(stored, storage=self._storage, limits=self._limits, clock=self._clock)


def _stored(added: MailboxAdded) -> StoredMailbox:
    return StoredMailbox(name=added.name, uid_validity=added.uid_validity, special_use=added.special_use)
