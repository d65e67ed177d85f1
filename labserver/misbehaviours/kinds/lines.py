"""Which octets end a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from labserver.misbehaviours.base import EVERYWHERE, Misbehaviour
from labserver.misbehaviours.moment import Occasion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labserver.dialogues.exchange import Reply
    from labserver.misbehaviours.base import Step
    from labserver.misbehaviours.moment import Moment

__all__ = ["LineEnds"]

_ENDS = {"lf": b"\n", "cr": b"\r", "cr-cr-lf": b"\r\r\n", "lf-cr": b"\n\r", "nul": b"\0\r\n", "none": b""}
_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """A long reply with other line ends, made piece by piece; going through it again makes the same octets again."""

    pieces: Iterable[bytes]
    end: bytes

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for piece in self.pieces:
            octets = held + piece
            held = b"\r" if octets.endswith(b"\r") else b""
            yield octets[: len(octets) - len(held)].replace(_CRLF, self.end)
        if held:
            yield held


class LineEnds(Misbehaviour, frozen=True, kw_only=True, tag="line-ends"):
    """Lines end with other octets than CR LF (RFC 5321 2.3.8, RFC 9051 2.2).

    A client takes LF for an end or gives up; a bare CR must not make two replies of one. Messages and literals have the
    other ends as well, so the length of a literal is wrong.
    """

    on: ClassVar[frozenset[Occasion]] = EVERYWHERE
    example: ClassVar[dict[str, Any]] = {"ends": "lf"}

    ends: Literal["lf", "cr", "cr-cr-lf", "lf-cr", "nul", "none"] = "lf"
    """LF, CR, CR CR LF, LF CR, a zero octet before CR LF (``nul``), or nothing at all (``none``)."""

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return the reply with other line ends."""
        end = _ENDS[self.ends]
        masked = None if honest.masked is None else honest.masked.replace(_CRLF, end)
        if not honest.rest:
            return (replace(honest, raw=honest.raw.replace(_CRLF, end), masked=masked),)
        return (replace(honest, raw=b"", rest=_Rewritten(_Whole(honest), end), masked=masked),)


@dataclass(frozen=True, slots=True)
class _Whole:
    """All pieces of a reply, its beginning included."""

    reply: Reply

    def __iter__(self) -> Iterator[bytes]:
        yield self.reply.raw
        yield from self.reply.rest
