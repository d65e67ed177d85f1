"""LIST and LSUB (RFC 3501 6.3.8 and 6.3.9); the extended grammar of LIST is its extension's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY, MESSAGE, GiveWay
from labserver.imap.cursor import LONGEST_PATTERN, BadSyntax
from labserver.imap.listing import Listed, Pattern, Selection, list_names, subscribed_names
from labserver.imap.responses import batched
from labserver.imap.status import status_response
from labserver.imap.vocabulary import Done

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["List", "ListSubscribed", "check_patterns"]

_MOST_PATTERNS = 200


def check_patterns(reference: str, patterns: Sequence[str]) -> None:
    """Raise BadSyntax for patterns that are too many or, behind the reference, too long."""
    if len(patterns) > _MOST_PATTERNS:
        raise BadSyntax(f"LIST takes at most {_MOST_PATTERNS} patterns")
    if any(len(reference) + len(pattern) > LONGEST_PATTERN for pattern in patterns):
        raise BadSyntax(f"A reference and a pattern have at most {LONGEST_PATTERN} octets")


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """LIST."""

    reference: str
    patterns: tuple[str, ...]
    selection: Selection
    status: tuple[bytes, ...] = ()
    """Status items to tell of each mailbox (RFC 5819)."""
    root: bool = False
    """Nothing but the separator is wanted."""

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect) -> List:
        """Read a reference and a pattern."""
        cursor.space()
        reference = cursor.mailbox()
        cursor.space()
        pattern = cursor.list_mailbox()
        cursor.end()
        check_patterns(reference, (pattern,))
        selection = Selection(show_children=dialect.has("CHILDREN"), show_special_use=dialect.has("SPECIAL-USE"))
        return cls(reference=reference, patterns=(pattern,), selection=selection, root=not pattern)

    def answer(self, session: Session) -> Answer:
        """List; an empty pattern asks for the separator only (RFC 3501 6.3.8)."""
        if b"HIGHESTMODSEQ" in self.status:
            yield from session.enable("CONDSTORE")
        yield from batched(self._responses(session))
        return Done()

    def _responses(self, session: Session) -> Iterator[bytes | GiveWay]:
        account = session.account
        if self.root:
            yield Listed(name="", attributes=("\\Noselect",)).response("LIST", b'""', account.separator)
            return
        patterns = [Pattern(self.reference + pattern, account.separator) for pattern in self.patterns]
        for listed in list_names(account, patterns, self.selection, session.effort):
            if isinstance(listed, GiveWay):
                yield listed
                continue
            encoded = session.mailbox_name(listed.name)
            yield listed.response("LIST", encoded, account.separator)
            mailbox = account.mailboxes.get(listed.name)
            if self.status and mailbox is not None:
                if session.effort.spend(MESSAGE * len(mailbox.messages)):
                    yield GIVE_WAY
                yield status_response(encoded, mailbox, self.status, session)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSubscribed:
    """LSUB."""

    reference: str
    pattern: str

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> ListSubscribed:
        """Read a reference and a pattern."""
        cursor.space()
        reference = cursor.mailbox()
        cursor.space()
        pattern = cursor.list_mailbox()
        cursor.end()
        check_patterns(reference, (pattern,))
        return cls(reference=reference, pattern=pattern)

    def answer(self, session: Session) -> Answer:
        """List subscribed names, whether they exist or not; an empty pattern asks for the separator."""
        yield from batched(self._responses(session))
        return Done()

    def _responses(self, session: Session) -> Iterator[bytes | GiveWay]:
        account = session.account
        if not self.pattern:
            yield Listed(name="", attributes=("\\Noselect",)).response("LSUB", b'""', account.separator)
            return
        pattern = Pattern(self.reference + self.pattern, account.separator)
        for listed in subscribed_names(account, pattern, session.effort):
            if isinstance(listed, GiveWay):
                yield listed
                continue
            yield listed.response("LSUB", session.mailbox_name(listed.name), account.separator)
