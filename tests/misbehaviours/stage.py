"""A stage for chains: exchanges that a test can write down, and what comes out of them when a client plays along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Await, Command, Reply
from labserver.dialogues.imap import ImapDialogue
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.dialogues.smtp import SmtpDialogue
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.moment import Memories, Moment
from labserver.services import SERVICES, ProtocolName
from labserver.wire.actions import Close
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.dialogues.exchange import Dialogue
    from labserver.misbehaviours.base import Said, Step, Steps

__all__ = ["LINE", "Cuts", "Honest", "command", "dialogue_of", "moment", "played", "raw"]

LINE = Framed(parts=(b"x",), raw=b"x\r\n")
"""What the client says to every Await."""
_MOST_STEPS = 100_000


def dialogue_of(service: str) -> Dialogue:
    """Return the spelling of a service."""
    match SERVICES[service].protocol:
        case ProtocolName.SMTP | ProtocolName.LMTP:
            return SmtpDialogue(line_limit=1000)
        case ProtocolName.IMAP:
            return ImapDialogue(line_limit=1000, literal_limit=1000)
        case ProtocolName.POP3:
            return Pop3Dialogue(line_limit=1000)


def moment(service: str = "imap", asked: Command | None = None, *, memories: Memories | None = None) -> Moment:
    """Return a session's moment in which ``asked`` is being answered."""
    made = Moment(service=service, dialogue=dialogue_of(service), memories=memories or Memories())
    if asked is not None:
        made.asks(asked)
    return made


def command(service: str, line: bytes, *more: bytes) -> Command:
    """Return a command as the service reads it; ``more`` are the parts behind an IMAP line that ends with a literal."""
    return dialogue_of(service).command(Framed(parts=(line, *more), raw=line + b"\r\n"))


@dataclass(slots=True)
class Honest:
    """An exchange that yields ``steps``, and knows what was answered to them and how it ended."""

    steps: Sequence[Step]
    heard: list[Said] = field(default_factory=list)
    begun: bool = False
    finished: bool = False
    closed: bool = False

    def run(self) -> Steps:
        """Return the exchange."""
        self.begun = True
        try:
            for step in self.steps:
                said = yield step
                if isinstance(step, Await):
                    self.heard.append(said)
            self.finished = True
        finally:
            self.closed = True


class Cuts(Misbehaviour, frozen=True, kw_only=True, tag="cuts"):
    """It stops after so many of the honest steps, as if nothing were to come, and may close the connection."""

    after: int
    close: bool = False

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the first steps."""
        said: Said = None
        for _ in range(self.after):
            try:
                step = honest.send(said)
            except StopIteration:
                return
            said = yield step
        if self.close:
            yield Close()


def played(steps: Steps) -> list[Step]:
    """Return every step of an exchange with a client that says a line whenever it is its turn."""
    out: list[Step] = []
    said: Said = None
    while True:
        try:
            step = steps.send(said)
        except StopIteration:
            return out
        out.append(step)
        said = LINE if isinstance(step, Await) else None
        assert len(out) < _MOST_STEPS


def raw(steps: Sequence[Step]) -> bytes:
    """Return the octets of the replies among ``steps``, long ones included."""
    return b"".join(b"".join((step.raw, *step.rest)) for step in steps if isinstance(step, Reply))
