"""Replies that are changed: the command has taken effect, and only what is said of it differs."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.dialogues.exchange import Reply, ReplyKind
from labserver.misbehaviours.kinds.fields import Code, OfReplies, OneLine, chosen
from labserver.misbehaviours.spelling import recoded
from labserver.misbehaviours.words import Lines, Octets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.misbehaviours.base import Step
    from labserver.misbehaviours.moment import Moment

__all__ = ["Changed", "Dropped", "Inserted", "Late", "Repeated"]


class Changed(OfReplies, frozen=True, kw_only=True, tag="reply"):
    """It says something else; what was asked has been done.

    With ``send`` or ``octets`` all of the reply differs, with ``code`` and ``text`` only these. Use ``answer`` where
    the command is to have no effect: a client that is told 550 for mail that was delivered may send it again.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"command": "EHLO", "phase": "clear"}, "send": "250 localhost"}

    send: Lines | None = None
    """Lines; each gets CRLF. An array is several lines."""
    octets: Octets | None = None
    """Instead of ``send``: octets as they are."""
    code: Code | None = None
    """Another code: ``550``, ``NO``, ``-ERR``. A reply that has none in its protocol stays as it is."""
    text: OneLine | None = None
    """Another text behind the code."""

    def __post_init__(self) -> None:
        """Refuse all of a reply beside parts of it, and neither."""
        parts = self.code is not None or self.text is not None
        if parts and (self.send is not None or self.octets is not None):
            raise ValueError("send and octets are the whole reply, code and text are parts of it: use one or the other")
        if not parts and self.send is None and self.octets is None:
            raise ValueError("it needs send, octets, code or text")
        if not parts:
            chosen(self.send, self.octets)

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the other reply; to the dialogue it is what the honest one was."""
        if self.send is None and self.octets is None:
            return (recoded(honest, moment, self.code or "", self.text),)
        return (chosen(self.send, self.octets).reply(moment, honest.kind),)


class Inserted(OfReplies, frozen=True, kw_only=True, tag="insert"):
    """It adds something before or behind replies: an untagged response, a second completion, half a line.

    In one segment with the reply, as a rule. Unsolicited replies must not be taken for the answer to the next command.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"on": "greeting"}, "where": "behind", "send": "250 OK"}

    send: Lines | None = None
    """Lines; each gets CRLF. An array is several lines."""
    octets: Octets | None = None
    """Instead of ``send``: octets as they are."""
    where: Literal["before", "behind"] = "before"
    """On which side of the reply."""

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        chosen(self.send, self.octets)

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the reply with what is added."""
        added = chosen(self.send, self.octets).reply(moment, ReplyKind.UNTAGGED)
        return (added, honest) if self.where == "before" else (honest, added)


class Dropped(OfReplies, frozen=True, kw_only=True, tag="drop"):
    """It loses replies: what was asked has been done, and the client is not told.

    Of DATA, it is the lost reply after which mail may be sent twice (RFC 1047).
    """

    example: ClassVar[dict[str, Any]] = {"when": {"command": "NOOP"}}

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return nothing."""
        return ()


class Repeated(OfReplies, frozen=True, kw_only=True, tag="repeat"):
    """It says replies more than once; the second must not be taken for the answer to the next command."""

    example: ClassVar[dict[str, Any]] = {"when": {"on": "greeting"}, "times": 2}

    times: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 2
    """How often it is said."""

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- the hook's
        """Return it as often."""
        return repeat(honest, self.times)


class Late(OfReplies, frozen=True, kw_only=True, tag="late"):
    """It is one reply late: what ends one command is said when the next one has been answered.

    The first command is left without an answer, and the last reply is never said.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"purpose": "nothing"}}

    def changed(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return what was held back before, and hold back this one."""
        before = moment.memory.kept.get(id(self))
        moment.memory.kept[id(self)] = honest
        return (before,) if isinstance(before, Reply) else ()
