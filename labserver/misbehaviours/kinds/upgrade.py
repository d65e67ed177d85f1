"""What STARTTLS or STLS gets for an answer, and what comes with it in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from labserver.dialogues.exchange import Reply
from labserver.dialogues.purposes import Purpose
from labserver.dialogues.tags import next_tag
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import OneLine, Seconds
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.spelling import Refusal, refusal
from labserver.misbehaviours.words import Lines, Octets
from labserver.services import ProtocolName
from labserver.wire.actions import Close, Pause, StartTls

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Said, Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Injection", "UpgradePretended", "UpgradeRefused"]

_ONLY = frozenset({Occasion.COMMAND})


def _asked(moment: Moment) -> bool:
    """Return whether the client asks for TLS where there is none."""
    return moment.purpose is Purpose.UPGRADE and not moment.secure


class UpgradeRefused(Misbehaviour, frozen=True, kw_only=True, tag="upgrade-refused"):
    """STARTTLS is refused although it is advertised: 454, NO, -ERR (RFC 3207 4), or as an unknown command.

    A client that needs TLS stops there (CVE-2016-0772).
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"how": "unknown", "close": True}

    how: Refusal = Refusal.TEMPORARY
    """``temporary``, ``permanent`` or ``unknown``."""
    text: OneLine = ""
    """What is said for people; by default something that fits."""
    close: bool = False
    """Whether the connection is closed after it."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the refusal; of any other command, what is honest."""
        if not _asked(moment):
            yield from honest
            return
        yield refusal(moment, self.how, self.text)
        if self.close:
            yield Close()


class UpgradePretended(Misbehaviour, frozen=True, kw_only=True, tag="upgrade-pretended"):
    """STARTTLS is accepted, but TLS does not begin: the dialogue goes on in clear.

    A ClientHello is answered like any other line that is no command.

    A client that is told to begin TLS does nothing else (RFC 3207 4).
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {}

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps but the start of TLS."""
        if not _asked(moment):
            yield from honest
            return
        for step in honest:
            if not isinstance(step, StartTls):
                yield step


class Injection(Misbehaviour, frozen=True, kw_only=True, tag="injection"):
    """Octets in clear come with the reply that accepts STARTTLS; a client must not take them for what came inside TLS.

    By default a whole answer to the command that a client sends first inside TLS: EHLO, CAPA, or CAPABILITY under the
    next tag (CVE-2021-22947, CVE-2020-15685).
    """

    possible: ClassVar[frozenset[Occasion]] = _ONLY
    example: ClassVar[dict[str, Any]] = {"payload": "half-line"}

    payload: Literal["capabilities", "half-line"] = "capabilities"
    """A whole answer, or the beginning of a line that the first one inside TLS would continue."""
    send: Lines | None = None
    """Instead of ``payload``: lines; each gets CRLF."""
    octets: Octets | None = None
    """Instead of ``payload``: octets as they are."""
    where: Literal["before", "behind"] = "behind"
    """On which side of the reply."""
    apart: Seconds | None = None
    """How long after the reply, in a segment of their own; by default in the same one."""

    def __post_init__(self) -> None:
        """Refuse two payloads, and a pause where none can be."""
        if self.send is not None and self.octets is not None:
            raise ValueError("it can have either send or octets")
        if self.apart is not None and self.where == "before":
            raise ValueError('apart has a meaning only with where = "behind"')

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the honest steps with the payload."""
        asked = _asked(moment)
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            starts = asked and isinstance(step, StartTls)
            if asked and self.where == "before" and isinstance(step, Reply):
                yield self._payload(moment)
            elif starts and self.where == "behind":
                if self.apart is not None:
                    yield Pause(self.apart)
                yield self._payload(moment)
            said = yield step

    def _payload(self, moment: Moment) -> Reply:
        words = self.octets if self.send is None else self.send
        if words is not None:
            reply = words.reply(moment)
            return Reply.untagged(reply.raw, reply.rest)
        return Reply.untagged(_answer(moment) if self.payload == "capabilities" else _beginning(moment))


def _answer(moment: Moment) -> bytes:
    """Return what a client would believe of the command it sends first inside TLS."""
    match moment.protocol:
        case ProtocolName.IMAP:
            tag = next_tag(moment.tag)
            return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n%b OK injected\r\n" % tag
        case ProtocolName.POP3:
            return b"+OK injected\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
        case _:
            return b"250-injected\r\n250 AUTH PLAIN LOGIN\r\n"


def _beginning(moment: Moment) -> bytes:
    """Return the beginning of a line that a reply inside TLS would end."""
    match moment.protocol:
        case ProtocolName.IMAP:
            return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN X-INJECTED "
        case ProtocolName.POP3:
            return b"+OK injected "
        case _:
            return b"250-AUTH PLAIN X-INJECTED "
