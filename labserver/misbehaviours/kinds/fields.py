"""Types of fields, and what kinds of one sort have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from labserver.dialogues.exchange import Reply, ReplyKind
from labserver.misbehaviours.base import Misbehaviour, passed_on
from labserver.misbehaviours.moment import Occasion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.misbehaviours.base import Said, Step, Steps
    from labserver.misbehaviours.moment import Moment
    from labserver.misbehaviours.words import Lines, Octets, Words

__all__ = [
    "FORMS",
    "Ciphers",
    "Code",
    "OfReplies",
    "OneLine",
    "ReplyName",
    "Seconds",
    "Tag",
    "Times",
    "TlsName",
    "chosen",
]

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
"""A time, at most an hour."""
Times = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
OneLine = Annotated[str, msgspec.Meta(pattern=r"\A[^\r\n\x00]*\Z", max_length=500)]
"""Text that stands in a line."""
Code = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9]{3}|[A-Z]{1,20}|\+OK|-ERR)\Z")]
"""The verdict of a reply, as its protocol spells it."""
Tag = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,64}\Z")]
"""An IMAP tag, or what looks like one."""
TlsName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.+-]{1,80}\Z")]
"""A suite, group or signature scheme."""
Ciphers = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_+:!-]{1,500}\Z")]
"""Suites in OpenSSL's notation."""
FORMS: dict[Any, str] = {
    OneLine: "one line of text",
    Code: 'a code such as "550", "NO" or "-ERR"',
    Tag: "a tag without spaces",
    TlsName: "a name without spaces",
    Ciphers: 'suites as OpenSSL lists them, such as "RC4-SHA:DES-CBC3-SHA"',
}
"""What a text has to be, for messages: nobody reads patterns."""
ReplyName = Literal["end", "first", "every", "untagged", "continuation"]
"""Which replies of an exchange: its end (also the greeting, and what is said unasked), the first, all, the untagged
ones of IMAP, or those that give the client its turn."""

_ENDS = frozenset({ReplyKind.COMPLETION, ReplyKind.GREETING, ReplyKind.FAREWELL})


def chosen(send: Lines | None, octets: Octets | None) -> Words:
    """Return what is said by ``send`` or ``octets``; ValueError for both and for neither."""
    words: Words | None = octets if send is None else send
    if words is None or (send is not None and octets is not None):
        raise ValueError("it needs either send or octets")
    return words


class OfReplies(Misbehaviour, frozen=True, kw_only=True):
    """What changes some replies of an exchange, each by itself."""

    of: ReplyName = "end"
    """Which replies: ``end`` (the reply that ends the command, a greeting, whatever is said unasked), ``first``,
    ``every``, ``untagged`` or ``continuation`` (the client's turn inside a command)."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps, and what :meth:`changed` makes of the replies that are meant."""
        seen = 0
        unasked = moment.occasion is Occasion.UNSOLICITED
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            said = None
            if not isinstance(step, Reply):
                said = yield step
                continue
            seen += 1
            meant = unasked if self.of == "end" and unasked else _is_meant(step.kind, self.of, seen)
            if meant:
                yield from passed_on(self.changed(step, moment))
            else:
                yield step

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return what is said instead of a reply."""
        raise NotImplementedError


def _is_meant(kind: ReplyKind, which: ReplyName, number: int) -> bool:
    match which:
        case "end":
            return kind in _ENDS
        case "first":
            return number == 1
        case "untagged":
            return kind is ReplyKind.UNTAGGED
        case "continuation":
            return kind is ReplyKind.CONTINUATION
        case _:
            return True
