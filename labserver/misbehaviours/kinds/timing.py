"""When something is said, and in which pieces it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.dialogues.exchange import Reply, ReplyKind
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import Seconds
from labserver.misbehaviours.moment import Occasion
from labserver.wire.actions import Close, Hold, Pace, Pause

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Said, Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Delay", "Drip", "Held", "Records", "Segments", "Stall"]

_AS_USUAL = Pace()


class Delay(Misbehaviour, frozen=True, kw_only=True, tag="delay"):
    """It waits before it answers; what the client sends meanwhile is read later."""

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND})
    example: ClassVar[dict[str, Any]] = {"when": {"nth": "every 2"}, "seconds": 0.1}

    seconds: Seconds
    """How long."""
    before: Literal["answer", "replies", "end"] = "answer"
    """Before the command takes effect (``answer``), before each reply, or before the reply that ends the command."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the honest steps with pauses."""
        if self.before == "answer":
            yield Pause(self.seconds)
            yield from honest
            return
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            if isinstance(step, Reply) and (self.before == "replies" or step.kind is ReplyKind.COMPLETION):
                yield Pause(self.seconds)
            said = yield step


class Stall(Misbehaviour, frozen=True, kw_only=True, tag="stall"):
    """It stops: nothing is said or read any more, and then the connection is closed or the command answered after all.

    A client needs a limit of its own, but not one below those of RFC 5321 4.5.3.2.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"command": "NOOP"}, "seconds": 0.1}

    seconds: Seconds = 300.0
    """How long."""
    then: Literal["close", "answer"] = "close"
    """What comes after it."""

    @property
    def replaces(self) -> bool:
        """Return whether the command is never answered."""
        return self.then == "close"

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the pause, then the close or what is honest."""
        yield Pause(self.seconds)
        if self.then == "answer":
            yield from honest
        else:
            yield Close()


class Held(Misbehaviour, frozen=True, kw_only=True, tag="hold"):
    """It answers, but nothing leaves for a while; the client is read, and its commands take effect, all the while."""

    example: ClassVar[dict[str, Any]] = {"when": {"command": "NOOP"}, "seconds": 0.1}

    seconds: Seconds = 2.0
    """How long."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the hold, then what is honest."""
        yield Hold(self.seconds)
        yield from honest


class Drip(Misbehaviour, frozen=True, kw_only=True, tag="drip"):
    """It says everything in small pieces with time between them, like a slow network or a server that wastes time.

    A client needs a limit on all of a reply, and not only on the wait for the next octet. Inside TLS each piece is a
    record. For the octets of TLS itself there is ``records``.
    """

    example: ClassVar[dict[str, Any]] = {"when": {"on": "greeting"}, "size": 4, "seconds": 0.01}

    size: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 1
    """Octets of a piece."""
    seconds: Seconds = 1.0
    """From one piece to the next."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield what is honest, in pieces."""
        yield Pace(size=self.size, seconds=self.seconds)
        yield from honest
        yield _AS_USUAL


class Segments(Misbehaviour, frozen=True, kw_only=True, tag="segments"):
    """It cuts what it says in a way that TCP allows and few networks do; a client must put it together again."""

    example: ClassVar[dict[str, Any]] = {"when": {"on": "greeting"}, "cut": "inside-crlf"}

    cut: Literal["octet", "inside-crlf", "line"] = "octet"
    """Each octet by itself, a cut between CR and LF, or each line by itself."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield what is honest, in segments."""
        yield {"octet": Pace(size=1), "inside-crlf": Pace(behind=b"\r"), "line": Pace(behind=b"\n")}[self.cut]
        yield from honest
        yield _AS_USUAL


class Records(Misbehaviour, frozen=True, kw_only=True, tag="records"):
    """Everything leaves in small pieces from the first octet on, TLS records and the handshake included.

    No condition but ``service`` applies to it.
    """

    on: ClassVar[frozenset[Occasion]] = frozenset()
    example: ClassVar[dict[str, Any]] = {"size": 1024, "seconds": 0.001}

    size: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 1
    """Octets of a piece."""
    seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """From one piece to the next."""

    def below(self) -> Pace:
        """Return the pieces."""
        return Pace(size=self.size, seconds=self.seconds)
