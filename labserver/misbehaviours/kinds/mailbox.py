"""The state of a mailbox as an IMAP server tells it, and how it announces what it sends."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.misbehaviours.base import EVERYWHERE, Misbehaviour
from labserver.misbehaviours.moment import Occasion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.dialogues.exchange import Reply
    from labserver.misbehaviours.base import Step
    from labserver.misbehaviours.moment import Moment

__all__ = ["Exists", "LiteralLength", "UidValidity"]

_IMAP = frozenset({"imap"})
_VALIDITY = re.compile(rb"(?<=UIDVALIDITY )([0-9]{1,10})")
_EXISTS = re.compile(rb"(?<=\* )([0-9]{1,10})(?= EXISTS\r\n)")
_LITERAL = re.compile(rb"(?<=\{)([0-9]{1,19})(?=\}\r\n)")
_MOST = 4_294_967_295
"""The largest number of IMAP (RFC 9051 9: ``number``)."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Difference = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
_Size = Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)]


def _numbered(reply: Reply, pattern: re.Pattern[bytes], change: int | None, to: int | None, least: int) -> Reply:
    """Return a reply with the numbers at ``pattern`` changed: to ``to``, else by ``change``."""

    def changed(match: re.Match[bytes]) -> bytes:
        number = int(match[1]) + (change or 0) if to is None else to
        return b"%d" % max(least, number)

    raw = pattern.sub(changed, reply.raw)
    masked = None if reply.masked is None else pattern.sub(changed, reply.masked)
    return reply if raw == reply.raw else replace(reply, raw=raw, masked=masked)


class UidValidity(Misbehaviour, frozen=True, kw_only=True, tag="uidvalidity"):
    """UIDVALIDITY is another number: everything that the client knows of the mailbox is void (RFC 9051 2.3.1.1).

    Such a client fetches all of it anew, and deletes nothing on either side. Told by SELECT, EXAMINE and STATUS, and in
    APPENDUID and COPYUID only with the condition ``command``.
    """

    possible: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND})
    protocols: ClassVar[frozenset[str]] = _IMAP
    example: ClassVar[dict[str, Any]] = {"when": {"nth": "2-", "command": ["SELECT", "EXAMINE"]}, "add": 1}

    add: _Difference | None = None
    """How much it differs."""
    value: _Number | None = None
    """What it is, such as 0, which no server may have; or the same for every mailbox."""
    each: Literal["always", "session"] = "always"
    """Whether the difference grows with each session at this place (``session``), or is the same (``always``)."""

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        if (self.add is None) == (self.value is None):
            raise ValueError("it needs either add or value")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the reply with the other number; the same where it has none."""
        change = (self.add or 0) * (moment.serial if self.each == "session" else 1)
        return (_numbered(honest, _VALIDITY, change, self.value, 0),)


class Exists(Misbehaviour, frozen=True, kw_only=True, tag="exists"):
    """EXISTS tells another number of messages than there are (RFC 9051 7.4.1).

    More of them than can be fetched, or fewer than before without any EXPUNGE, which no server may do. A client does
    not take what it misses for deleted.
    """

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND, Occasion.UNSOLICITED})
    possible: ClassVar[frozenset[Occasion]] = EVERYWHERE - {Occasion.GREETING}
    protocols: ClassVar[frozenset[str]] = _IMAP
    example: ClassVar[dict[str, Any]] = {"add": 1000}

    add: _Difference | None = None
    """How many more; fewer if it is negative, but never less than none."""
    value: _Number | None = None
    """How many, whatever there is."""

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        if (self.add is None) == (self.value is None):
            raise ValueError("it needs either add or value")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return the reply with the other number; the same where it has none."""
        return (_numbered(honest, _EXISTS, self.add, self.value, 0),)


class LiteralLength(Misbehaviour, frozen=True, kw_only=True, tag="literal-length"):
    """A literal is announced longer or shorter than it is, so what follows is taken for a part of it, or the reverse.

    A client does not reserve memory for what is only announced (CVE-2025-43857), and does not guess where the next
    response begins. Only the first literals of a long reply are changed.
    """

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND, Occasion.UNSOLICITED})
    possible: ClassVar[frozenset[Occasion]] = EVERYWHERE - {Occasion.GREETING}
    protocols: ClassVar[frozenset[str]] = _IMAP
    example: ClassVar[dict[str, Any]] = {"when": {"command": "FETCH"}, "add": 10}

    add: _Difference | None = None
    """How many octets more; fewer if it is negative."""
    value: _Size | None = None
    """How many, whatever there is."""

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        if (self.add is None) == (self.value is None):
            raise ValueError("it needs either add or value")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return the reply with the other length; the same where nothing is announced."""
        return (_numbered(honest, _LITERAL, self.add, self.value, -1 if self.value is not None else 0),)
