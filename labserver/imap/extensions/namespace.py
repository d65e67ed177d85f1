"""NAMESPACE (RFC 2342): there is one, the personal one, and it has no prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.vocabulary import AUTHENTICATED, Done, Entry, Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["EXTENSION", "Namespace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """NAMESPACE."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Namespace:
        """Read no arguments."""
        cursor.end()
        return cls()

    def answer(self, session: Session) -> Answer:
        """Tell the personal namespace; nobody else's and none shared."""
        yield Reply.untagged(b'* NAMESPACE (("" "%b")) NIL NIL\r\n' % session.account.separator.encode())
        return Done()


EXTENSION = Extension(
    name="NAMESPACE",
    reference="RFC 2342",
    capabilities=("NAMESPACE",),
    commands={"NAMESPACE": Entry(states=AUTHENTICATED, parse=Namespace.parse)},
)
