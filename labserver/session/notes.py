"""What the transcript is told of one dialogue: every command, line and reply, with a mask for what may be a credential.

The membrane tells what happens; here it becomes an event. What the transcript would neither keep nor tell anybody is
only counted: no event is made of it, and nothing in it is looked for.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from labserver import events
from labserver.dialogues.exchange import AwaitKind
from labserver.dialogues.masking import MASK, MASKED_LINE, Standing, counts, host_name
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from labserver.dialogues.exchange import Await, Command, Dialogue, Identity, LoginFailure, Reply
    from labserver.events import TlsFacts
    from labserver.mailstore.delivery import Outcome
    from labserver.mailstore.envelope import Envelope
    from labserver.wire.framing import Overflow

__all__ = ["Notes", "keeps_all"]

_SHOWN = 1 << 15
"""Octets of a long reply that are told of it, as many as a session's transcript keeps by default."""


def keeps_all(octets: int) -> bool:  # noqa: ARG001 -- where nothing is passed over, its size does not matter
    """Pass over nothing: for observers without a limit."""
    return False


class Notes:
    """Takes note of one connection's dialogue."""

    __slots__ = (
        "_dialogue",
        "_elapsed",
        "_observe",
        "_passes_over",
        "_scenario",
        "_standing",
        "_tags_vary",
        "_tolerated",
        "literal_refused",
        "secure",
        "veiled",
    )

    def __init__(
        self,
        *,
        dialogue: Dialogue,
        observe: Callable[[events.Event], None],
        elapsed: Callable[[], float],
        passes_over: Callable[[int], bool],
        is_account: Callable[[str], bool],
        scenario: str,
    ) -> None:
        self.secure = False
        """TLS is up."""
        self.veiled = b""
        """The tag that is not shown in the reply to what is being answered, as it was not in the command."""
        self.literal_refused = False
        """What comes next may be the literal all the same, and a password."""
        self._dialogue = dialogue
        self._observe = observe
        self._elapsed = elapsed
        self._passes_over = passes_over
        self._scenario = scenario
        self._standing = Standing(authenticated=False, is_account=is_account)
        self._tags_vary = False
        """The client has logged in under a tag that is no number: whatever it begins a command with is its tag."""
        self._tolerated: set[str] = set()

    # What the client says

    def asked(self, command: Command, word: str) -> bytes:
        """Take note of a command, and return its tag if that is not shown: it may be a password and no tag."""
        tag = command.tag
        suspicious = self.literal_refused and not self._standing.authenticated
        plain = not tag or (bool(word) and not suspicious and counts(tag))
        if self._passes_over(len(command.raw) + command.elided):
            return b"" if plain else tag
        masked = self._dialogue.masked(command, self._standing)
        if not plain and not (word and not suspicious and self._tags_vary and masked == command.raw):
            if masked.startswith(tag):
                masked = MASK + masked[len(tag) :]
            self._command(command, word, masked)
            return tag
        self._command(command, word, masked)
        return b""

    def requested(self, command: Command, method: str) -> None:
        """Take note of a request over HTTP, of which only the method is shown."""
        self._command(command, method, method.encode() + b" " + MASKED_LINE)

    def _command(self, command: Command, verb: str, masked: bytes) -> None:
        raw = command.raw
        self._observe(
            events.CommandReceived(
                at=self._elapsed(),
                verb=verb,
                data=raw,
                masked=masked,
                secure=self.secure,
                size=len(raw) + command.elided,
            )
        )

    def awaited(self, awaited: Await, unit: Framed | Overflow) -> None:
        """Take note of what came inside a command: a line or data."""
        if awaited.kind is AwaitKind.LINE:
            data = unit.raw if isinstance(unit, Framed) else unit.parts[0]
            if self._passes_over(len(data)):
                return
            word = data.strip().upper()
            masked = data if not word or word in awaited.words else MASKED_LINE
            self._observe(events.LineReceived(at=self._elapsed(), data=data, masked=masked, secure=self.secure))
        else:
            data = unit.raw if isinstance(unit, Framed) else b""
            size = unit.size if isinstance(unit, Framed) else 0
            if not self._passes_over(size):
                self._observe(events.DataReceived(at=self._elapsed(), data=data, size=size, secure=self.secure))

    def unfinished(self, rest: bytes) -> None:
        """Take note of octets that never became a whole line: they were said all the same, and may be any secret."""
        if rest:
            self._observe(
                events.CommandReceived(
                    at=self._elapsed(), verb="", data=rest, masked=MASK, secure=self.secure, size=len(rest)
                )
            )

    def discarded(self, octets: bytes) -> None:
        """Take note of what was said in clear behind STARTTLS, and thrown away."""
        if octets:
            self._observe(events.PlaintextDiscarded(at=self._elapsed(), data=octets, size=len(octets)))

    # What the server says

    def said(self, reply: Reply) -> None:
        """Take note of a reply that is no longer than its ``raw``."""
        size = len(reply.raw)
        if not self._passes_over(size):
            self._observe(self._sent(reply.kind.value, reply.raw, size, reply.masked))

    def saying(self, reply: Reply) -> Iterator[bytes]:
        """Yield a long reply's pieces; when it has ended, or is cut off, take note of what was handed over of it."""
        shown, size = bytearray(), 0
        try:
            for piece in chain((reply.raw,), reply.rest):
                size += len(piece)
                if len(shown) < _SHOWN:
                    shown += piece[: _SHOWN - len(shown)]
                yield piece
        finally:
            if not self._passes_over(size):
                self._observe(self._sent(reply.kind.value, bytes(shown), size, None))

    def of_reply(self, reply: Reply) -> events.ReplySent:
        """Return what is to be told of a reply when it has left; of one that is no longer than its ``raw``."""
        return self._sent(reply.kind.value, reply.raw, len(reply.raw), reply.masked)

    def _sent(self, kind: str, data: bytes, size: int, masked: bytes | None) -> events.ReplySent:
        if masked is None and self.veiled and data.startswith(self.veiled + b" "):
            masked = MASK + data[len(self.veiled) :]
        return events.ReplySent(at=self._elapsed(), kind=kind, data=data, secure=self.secure, size=size, masked=masked)

    def misbehaved(self, facet: str) -> None:
        """Take note that the scenario's fault has reached the client."""
        self._observe(self.of_misbehaviour(facet))

    def of_misbehaviour(self, facet: str) -> events.Misbehaved:
        """Return what is to be told of a fault when it reaches the client."""
        return events.Misbehaved(at=self._elapsed(), scenario=self._scenario, facet=facet)

    # What becomes of the client

    def secured(self, facts: TlsFacts) -> None:
        """Take note that TLS is up; whoever was authenticated before is so no more."""
        self.secure = True
        self._stand(authenticated=False)
        self._observe(events.TlsEstablished(at=self._elapsed(), facts=facts))

    def entered(self, command: Command | None) -> None:
        """Show more from here on: the client has authenticated, in this command if it was one."""
        self._stand(authenticated=True)
        self._tags_vary = command is not None and not counts(command.tag)

    def _stand(self, *, authenticated: bool) -> None:
        self._standing = Standing(authenticated=authenticated, is_account=self._standing.is_account)

    def logged_in(self, identity: Identity) -> None:
        """Take note of who the client proved to be."""
        self._observe(
            events.AuthenticationSucceeded(
                at=self._elapsed(), account=identity.account, mechanism=identity.mechanism, secure=self.secure
            )
        )

    def login_refused(self, mechanism: str, failure: LoginFailure, remedy: str) -> None:
        """Take note that an authentication failed, and of what to do about it."""
        self._observe(
            events.AuthenticationFailed(
                at=self._elapsed(), mechanism=mechanism, reason=failure.value, secure=self.secure, remedy=remedy
            )
        )

    def delivered(self, envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
        """Take note of a mail that was delivered to somebody."""
        if any(outcome.error is None for outcome in outcomes):
            size = envelope.characters
            if self._passes_over(size):
                return
            accounts = [outcome.account if outcome.error is None else None for outcome in outcomes]
            told = envelope.told(accounts)
            told["helo"], told["parameters"] = host_name(envelope.helo), _masked(envelope.parameters)
            self._observe(events.MailDelivered(at=self._elapsed(), envelope=told, size=size))

    def tolerated(self, what: str) -> None:
        """Take note, once for each kind, that the client was understood although it keeps to no grammar."""
        if what not in self._tolerated:
            self._tolerated.add(what)
            self._observe(events.Tolerated(at=self._elapsed(), what=what))


def _masked(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return MAIL's parameters without an identity that is none: it may have been meant for a login."""
    identity = parameters.get("AUTH", "<>")
    masked = identity != "<>" and "@" not in identity
    return {**parameters, "AUTH": MASK.decode()} if masked else dict(parameters)
