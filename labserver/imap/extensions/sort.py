"""SORT (RFC 5256): SEARCH in another order; with RETURN where ESORT is on (RFC 5267)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from labserver.imap.results import Criteria, Returned
from labserver.imap.sort import parse_criteria, sort
from labserver.imap.vocabulary import SELECTED, Done, Entry, Extension

if TYPE_CHECKING:
    from labserver.effort import Work
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.sort import Criterion
    from labserver.imap.view import Hit
    from labserver.imap.vocabulary import Answer

__all__ = ["EXTENSION", "Sort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """SORT and UID SORT."""

    returned: Returned
    order: tuple[Criterion, ...]
    criteria: Criteria

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Sort:
        """Read ``RETURN (…)``, sort criteria, a charset and search keys."""
        cursor.space()
        returned = Returned.parse(cursor, dialect, extension="ESORT", verb=b"SORT", uid=uid)
        order = parse_criteria(cursor, display=dialect.has("SORT=DISPLAY"))
        cursor.space()
        charset = cursor.astring()
        cursor.space()
        return cls(returned=returned, order=order, criteria=Criteria.parse(cursor, dialect, charset))

    def answer(self, session: Session) -> Answer:
        """Search, sort, and say what was found in which order."""
        yield from self.criteria.prepare(session)
        yield from self.returned.answer(session, self._sorted(session), by_modseq=self.criteria.by_modseq)
        return Done()

    def _sorted(self, session: Session) -> Work[list[Hit]]:
        hits = yield from self.criteria.find(session)
        return (yield from sort(hits, self.order, session.effort))


EXTENSION = Extension(
    name="SORT",
    reference="RFC 5256",
    capabilities=("SORT",),
    commands={
        "SORT": Entry(states=SELECTED, parse=partial(Sort.parse, uid=False), expunges=False),
        "UID SORT": Entry(states=SELECTED, parse=partial(Sort.parse, uid=True), uid=True),
    },
)
