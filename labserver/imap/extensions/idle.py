"""IDLE (RFC 2177): the client listens, and changes are told as they happen, until it says DONE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Await, Reply
from labserver.imap.cursor import BadSyntax
from labserver.imap.vocabulary import AUTHENTICATED, Done, Entry, Extension
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["EXTENSION", "Idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """IDLE."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Idle:
        """Read no arguments."""
        cursor.end()
        return cls()

    def answer(self, session: Session) -> Answer:
        """Tell what is waiting, then let ``Session.unsolicited`` tell the rest, until the next line.

        Not before the first is told: both give way, and numbers are those of one teller only.
        """
        yield Reply.continuation(b"+ idling\r\n")
        yield from session.news()
        session.idling = True
        try:
            line = yield Await.line(b"DONE")
        finally:
            session.idling = False
        if not isinstance(line, Framed) or line.parts[0].strip().upper() != b"DONE":
            raise BadSyntax("IDLE ends with DONE")
        return Done()


EXTENSION = Extension(
    name="IDLE",
    reference="RFC 2177",
    capabilities=("IDLE",),
    commands={"IDLE": Entry(states=AUTHENTICATED, parse=Idle.parse)},
)
