"""How a connection ends when it should go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from labserver.dialogues.exchange import Await, Farewell, Reply
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.words import Lines
from labserver.wire.actions import Abort, Close

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Said, Steps
    from labserver.misbehaviours.moment import Moment
    from labserver.wire.actions import Action

__all__ = ["End", "Goodbye"]

After = Literal["nothing", "continuation", "half", "reply", "taken"]

_HOW: dict[str, Action] = {
    "orderly": Close(),
    "no-close-notify": Close(notify=False),
    "half": Close(half=True),
    "rst": Abort(),
}
_REASONS = {
    "shutdown": Farewell.SHUTDOWN,
    "idle": Farewell.IDLE,
    "overloaded": Farewell.OVERLOADED,
    "errors": Farewell.TOO_MANY_ERRORS,
}


def _until(honest: Steps, after: After) -> Steps:
    """Yield the honest steps up to where the end comes."""
    if after == "nothing":
        return
    said: Said = None
    while True:
        try:
            step = honest.send(said)
        except StopIteration:
            return
        if isinstance(step, Reply) and after == "half":
            yield _half(step)
            return
        said = yield step
        if isinstance(step, Reply) and (after == "reply" or (after == "continuation" and _is_turn(step))):
            return
        if isinstance(step, Await) and after == "taken":
            return


def _is_turn(reply: Reply) -> bool:
    return reply.code in {"+", "334", "354"}


def _half(reply: Reply) -> Reply:
    """Return the first half of a reply; of a long one, its beginning and half of the next piece."""
    following = next(iter(reply.rest), b"")
    kept = reply.raw + following[: len(following) // 2] if following else reply.raw[: len(reply.raw) // 2]
    masked = None if reply.masked is None else reply.masked[: len(reply.masked) // 2]
    return replace(reply, raw=kept, rest=(), masked=masked)


class End(Misbehaviour, frozen=True, kw_only=True, tag="end"):
    """It ends the connection instead of answering, or in the middle of something.

    Inside TLS, an end without close_notify is one that anybody on the way could have made (RFC 8446 6.1, RFC 8314 3.4).
    """

    example: ClassVar[dict[str, Any]] = {"when": {"command": "NOOP"}, "how": "rst", "after": "half"}

    how: Literal["orderly", "no-close-notify", "half", "rst"] = "orderly"
    """``orderly`` (close_notify inside TLS, then FIN), ``no-close-notify`` (FIN alone), ``half`` (FIN, but the client
    is still read) or ``rst``."""
    after: After = "nothing"
    """What comes before it: ``nothing`` (the honest server never hears of the command), the first ``half`` of the first
    reply, the first whole ``reply``, a ``continuation``, or what the client sends after that (``taken``, such as mail
    data, which is thrown away)."""
    say: Lines | None = None
    """What is said before the end."""

    @property
    def replaces(self) -> bool:
        """Return whether nothing comes before it."""
        return self.after == "nothing"

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield what comes before the end, and the end."""
        yield from _until(honest, self.after)
        if self.say is not None:
            yield self.say.reply(moment)
        yield _HOW[self.how]


class Goodbye(Misbehaviour, frozen=True, kw_only=True, tag="farewell"):
    """It says goodbye in the protocol's own words (421, BYE, -ERR) and closes the connection.

    SMTP may do so at any time (RFC 5321 3.8), and so may IMAP (RFC 9051 7.1.5).
    """

    example: ClassVar[dict[str, Any]] = {"when": {"command": ["NOOP", "RSET"], "nth": "2"}}

    reason: Literal["shutdown", "idle", "overloaded", "errors"] = "shutdown"
    """What is given as the reason."""
    after: After = "nothing"
    """As for ``end``."""

    @property
    def replaces(self) -> bool:
        """Return whether nothing comes before it."""
        return self.after == "nothing"

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield what comes before it, the last words, and the end."""
        yield from _until(honest, self.after)
        yield moment.dialogue.farewell(_REASONS[self.reason])
        yield Close()
