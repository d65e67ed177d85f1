"""SEARCH and UID SEARCH (RFC 3501 6.4.4), with RETURN where ESEARCH is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax
from labserver.imap.results import Criteria, Returned
from labserver.imap.vocabulary import Done

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["Search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """SEARCH and UID SEARCH."""

    returned: Returned
    criteria: Criteria

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Search:
        """Read ``RETURN (…)``, a charset and search keys."""
        cursor.space()
        returned = Returned.parse(cursor, dialect, extension="ESEARCH", verb=b"SEARCH", uid=uid)
        charset = None
        if cursor.skip(b"CHARSET "):
            cursor.more_space()
            if cursor.utf8:
                raise BadSyntax("With UTF8=ACCEPT a search has no charset (RFC 6855 3)")
            charset = cursor.astring()
            cursor.space()
        return cls(returned=returned, criteria=Criteria.parse(cursor, dialect, charset))

    def answer(self, session: Session) -> Answer:
        """Search, and say what was found."""
        yield from self.criteria.prepare(session)
        yield from self.returned.answer(session, self.criteria.find(session), by_modseq=self.criteria.by_modseq)
        return Done()
