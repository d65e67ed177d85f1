"""THREAD (RFC 5256): what was found, arranged as conversations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply
from labserver.imap.cursor import BadSyntax
from labserver.imap.results import Criteria
from labserver.imap.thread import ALGORITHMS, format_threads
from labserver.imap.vocabulary import SELECTED, Done, Entry, Extension

if TYPE_CHECKING:
    from labserver.effort import Work
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["EXTENSION", "Threads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """THREAD and UID THREAD."""

    algorithm: bytes
    criteria: Criteria
    uid: bool

    @classmethod
    def parse(cls, cursor: Cursor, dialect: Dialect, *, uid: bool) -> Threads:
        """Read an algorithm, a charset and search keys."""
        cursor.space()
        algorithm = cursor.atom()
        if algorithm not in ALGORITHMS:
            raise BadSyntax("Unknown threading algorithm")
        cursor.space()
        charset = cursor.astring()
        cursor.space()
        return cls(algorithm=algorithm, criteria=Criteria.parse(cursor, dialect, charset), uid=uid)

    def answer(self, session: Session) -> Answer:
        """Search, and say which message answers which."""
        yield from self.criteria.prepare(session)
        yield Reply.untagged((yield from self._found(session)))
        return Done()

    def _found(self, session: Session) -> Work[bytes]:
        """Find, arrange and spell; of the messages nothing is held while the client takes it."""
        hits = yield from self.criteria.find(session)
        threads = yield from format_threads(
            (yield from ALGORITHMS[self.algorithm](hits, session.effort)), session.effort, uid=self.uid
        )
        return b"* THREAD %b\r\n" % threads if threads else b"* THREAD\r\n"


EXTENSION = Extension(
    name="THREAD",
    reference="RFC 5256",
    capabilities=tuple(f"THREAD={algorithm.decode()}" for algorithm in ALGORITHMS),
    commands={
        "THREAD": Entry(states=SELECTED, parse=partial(Threads.parse, uid=False), expunges=False),
        "UID THREAD": Entry(states=SELECTED, parse=partial(Threads.parse, uid=True), uid=True),
    },
)
