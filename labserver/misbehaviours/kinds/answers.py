"""Answers instead of the honest one: the honest server never hears of the command, so nothing of it takes effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labserver.dialogues.exchange import ReplyKind
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import OneLine, chosen
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.spelling import Refusal, refusal
from labserver.misbehaviours.words import Lines, Octets
from labserver.wire.actions import Close

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Answer", "Refused", "Silence"]


class Answer(Misbehaviour, frozen=True, kw_only=True, tag="answer"):
    """It answers itself: the honest server never hears of the command.

    A recipient that is answered like this gets no mail, a login is none. Use ``reply`` where the command is to take
    effect.
    """

    example: ClassVar[dict[str, Any]] = {
        "when": {"command": "RCPT", "nth": "1-2"},
        "send": "450 4.2.0 Greylisted, try again later",
    }

    send: Lines | None = None
    """Lines; each gets CRLF. An array is several lines."""
    octets: Octets | None = None
    """Instead of ``send``: octets as they are."""

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        chosen(self.send, self.octets)

    @property
    def replaces(self) -> bool:
        """Return True."""
        return True

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the answer."""
        yield chosen(self.send, self.octets).reply(
            moment, ReplyKind.GREETING if moment.occasion is Occasion.GREETING else None
        )


class Refused(Misbehaviour, frozen=True, kw_only=True, tag="refuse"):
    """It refuses, in the protocol's own spelling; the honest server never hears of the command.

    SMTP says 4yz or 5yz (RFC 5321 4.2.1), IMAP NO with UNAVAILABLE or CANNOT (RFC 5530 3), POP3 -ERR with SYS/TEMP or
    SYS/PERM (RFC 3206 4). Instead of the greeting it says 421, 554 or BYE.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"purpose": "credentials", "nth": "1"}, "how": "temporary"}

    how: Refusal = Refusal.TEMPORARY
    """``temporary`` (try again later), ``permanent``, or ``unknown`` (there is no such command)."""
    text: OneLine = ""
    """What is said for people; by default something that fits."""
    close: bool = False
    """Whether the connection is closed after it."""

    @property
    def replaces(self) -> bool:
        """Return True."""
        return True

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the refusal."""
        yield refusal(moment, self.how, self.text)
        if self.close:
            yield Close()


class Silence(Misbehaviour, frozen=True, kw_only=True, tag="silence"):
    """It says nothing, and goes on with the next command; the honest server never hears of this one.

    Of the greeting, it is the server that never speaks (RFC 5321 4.5.3.2.1 has a client wait for five minutes).
    """

    example: ClassVar[dict[str, Any]] = {"when": {"on": "greeting"}}

    @property
    def replaces(self) -> bool:
        """Return True."""
        return True

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield nothing."""
        yield from ()
