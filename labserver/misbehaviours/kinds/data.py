"""What becomes of mail that the client has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labserver.dialogues.exchange import Await, AwaitKind
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import OneLine
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.spelling import Refusal, over_quota, refusal
from labserver.wire.actions import Close

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Said, Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["DataRefused", "QuotaFull"]

_STORES = frozenset(("RCPT", "APPEND", "COPY", "UID COPY", "MOVE", "UID MOVE"))


class DataRefused(Misbehaviour, frozen=True, kw_only=True, tag="data-refused"):
    """Mail is taken and then refused: all of it has been sent, and nobody gets it.

    After DATA, or after the last octet of a chunk (BDAT). 4yz asks for another try, 5yz for none (RFC 5321 4.2.1).
    """

    possible: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND})
    protocols: ClassVar[frozenset[str]] = frozenset({"smtp", "lmtp"})
    example: ClassVar[dict[str, Any]] = {"how": "permanent", "text": "No, thank you"}

    how: Refusal = Refusal.TEMPORARY
    """``temporary`` or ``permanent``."""
    text: OneLine = ""
    """What is said for people; by default something that fits."""
    close: bool = False
    """Whether the connection is closed after it."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense here."""
        if self.how is Refusal.UNKNOWN:
            raise ValueError("how has to be temporary or permanent")

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps until the mail is there, then the refusal; without mail, what is honest."""
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            said = yield step
            if isinstance(step, Await) and step.kind is not AwaitKind.LINE:
                break
        yield refusal(moment, self.how, self.text)
        if self.close:
            yield Close()


class QuotaFull(Misbehaviour, frozen=True, kw_only=True, tag="quota-full"):
    """The mailbox is full: RCPT is answered 452 or 552, APPEND, COPY and MOVE with NO [OVERQUOTA] (RFC 9208 4.3.1)."""

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND, Occasion.LITERAL})
    possible: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND, Occasion.LITERAL})
    protocols: ClassVar[frozenset[str]] = frozenset({"smtp", "lmtp", "imap"})
    example: ClassVar[dict[str, Any]] = {"how": "permanent"}

    how: Refusal = Refusal.TEMPORARY
    """``temporary`` or ``permanent``: 452 or 552."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense here."""
        if self.how is Refusal.UNKNOWN:
            raise ValueError("how has to be temporary or permanent")

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the refusal; of a command that stores nothing, what is honest."""
        if moment.command is None or moment.command.verb not in _STORES:
            yield from honest
        else:
            yield over_quota(moment, self.how)
