"""ENABLE (RFC 5161): the client says which extensions may change what it is sent."""

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

__all__ = ["EXTENSION", "Enable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """ENABLE."""

    names: tuple[str, ...]

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Enable:
        """Read at least one capability name."""
        names: list[str] = []
        while not (names and cursor.at_end()):
            cursor.space()
            names.append(cursor.atom().decode())
        return cls(names=tuple(dict.fromkeys(names)))

    def answer(self, session: Session) -> Answer:
        """Enable what is known and ignore the rest; what was enabled before is listed again."""
        known = [name for name in self.names if name in session.dialect.enabling]
        yield Reply.untagged(" ".join(["* ENABLED", *known]).encode() + b"\r\n")
        for name in known:
            yield from session.enable(name)
        return Done()


EXTENSION = Extension(
    name="ENABLE",
    reference="RFC 5161",
    capabilities=("ENABLE",),
    before_login=True,
    commands={"ENABLE": Entry(states=AUTHENTICATED, parse=Enable.parse)},
)
