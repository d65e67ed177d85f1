r"""QUOTA (RFC 9208): what the limits leave room for.

Each mailbox is a quota root of its own name, with its octets (STORAGE) and its messages (MESSAGE); the account is the
root ``""``, with its mailboxes (MAILBOX). The limits are the lab's options, so nobody may set them from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import BadSyntax, Refused
from labserver.imap.syntax import decode_mailbox
from labserver.imap.vocabulary import AUTHENTICATED, Done, Entry, Extension
from labserver.mailstore.names import checked

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer
    from labserver.mailstore.mailbox import Mailbox

__all__ = ["EXTENSION", "GetQuota", "GetQuotaRoot", "SetQuota"]

_UNIT = 1024
"""Octets in one unit of STORAGE (RFC 9208 5.1)."""


def _root(cursor: Cursor) -> str:
    """Read a quota root's name, which may be empty, as no mailbox's is."""
    name = cursor.astring()
    try:
        return decode_mailbox(name, utf8=cursor.utf8)
    except ValueError as error:
        raise BadSyntax("A quota root is named like a mailbox") from error


def _quota(session: Session, root: str) -> bytes:
    """Return the untagged QUOTA response of a root."""
    limits = session.limits
    if not root:
        account = session.account
        listed = b"MAILBOX %d %d" % (len(account.mailboxes) + len(account.containers), limits.mailboxes)
        return b'* QUOTA "" (%b)\r\n' % listed
    mailbox = session.mailbox(root)
    listed = b"STORAGE %d %d MESSAGE %d %d" % (
        -(-mailbox.size // _UNIT),
        limits.mailbox_size // _UNIT,
        len(mailbox.messages),
        limits.mailbox_messages,
    )
    return b"* QUOTA %b (%b)\r\n" % (session.mailbox_name(mailbox.name), listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQuota:
    """GETQUOTA."""

    root: str

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> GetQuota:
        """Read a root's name."""
        cursor.space()
        root = _root(cursor)
        cursor.end()
        return cls(root=root)

    def answer(self, session: Session) -> Answer:
        """Tell what is used of it, and its limits."""
        yield Reply.untagged(_quota(session, self.root))
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQuotaRoot:
    """GETQUOTAROOT."""

    mailbox: str

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> GetQuotaRoot:
        """Read a mailbox's name."""
        cursor.space()
        mailbox = cursor.mailbox()
        cursor.end()
        return cls(mailbox=mailbox)

    def answer(self, session: Session) -> Answer:
        """Tell both roots, the mailbox's and the account's; of a mailbox that does not exist the latter (4.1.2).

        One that cannot exist, its name being too long, is refused: the response repeats it.
        """
        name = session.mailbox_name(session.account.canonical(checked(self.mailbox)))
        exists = session.account.mailbox(self.mailbox) is not None
        own = b" " + name if exists else b""
        yield Reply.untagged(b'* QUOTAROOT %b%b ""\r\n' % (name, own))
        for root in (self.mailbox, "") if exists else ("",):
            yield Reply.untagged(_quota(session, root))
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuota:
    """SETQUOTA."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> SetQuota:
        """Read a root's name and a list of resources with their limits."""
        cursor.space()
        _root(cursor)
        cursor.space()
        if len(cursor.parenthesised(cursor.atom)) % 2:
            raise BadSyntax("SETQUOTA takes resources and limits in turn")
        cursor.end()
        return cls()

    def answer(self, session: Session) -> Answer:  # noqa: ARG002 -- the interface's
        """Refuse: the limits are options of the lab."""
        yield from ()
        raise Refused("Quotas are options of the lab: --max-mailbox-size and the like", "NOPERM")


def _deleted(mailbox: Mailbox) -> int:
    return sum("\\Deleted" in message.flags for message in mailbox.messages)


def _deleted_storage(mailbox: Mailbox) -> int:
    return sum(message.size for message in mailbox.messages if "\\Deleted" in message.flags)


EXTENSION = Extension(
    name="QUOTA",
    reference="RFC 9208",
    capabilities=("QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "QUOTA=RES-MAILBOX"),
    commands={
        "GETQUOTA": Entry(states=AUTHENTICATED, parse=GetQuota.parse),
        "GETQUOTAROOT": Entry(states=AUTHENTICATED, parse=GetQuotaRoot.parse),
        "SETQUOTA": Entry(states=AUTHENTICATED, parse=SetQuota.parse),
    },
    status_items={b"DELETED": _deleted, b"DELETED-STORAGE": _deleted_storage},
)
