"""A SASL exchange over a dialogue: challenges and responses in base64, cancelled with ``*`` (RFC 4422 4, RFC 4954 4).

The same for all protocols; the mechanism sees octets, the dialogue spells them, the membrane drives.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Await, LoginFailure, Reply
from labserver.dialogues.masking import MASK
from labserver.sasl.mechanism import MechanismError, Success
from labserver.wire.framing import Framed, Overflow

if TYPE_CHECKING:
    from collections.abc import Generator

    from labserver.dialogues.exchange import Dialogue
    from labserver.sasl.mechanism import SaslExchange

    Said = Generator[Reply | Await, Framed | Overflow | None, "Outcome"]
    Outcome = str | LoginFailure

__all__ = ["Conversation"]

_NONCE = re.compile(rb",r=([^,]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One AUTH or AUTHENTICATE after its mechanism has been chosen."""

    dialogue: Dialogue

    def run(self, exchange: SaslExchange, initial: bytes, *, client_first: bool) -> Said:
        """Carry the mechanism's messages; return the account or why there is none."""
        if initial and not client_first:
            return LoginFailure.MALFORMED
        try:
            outcome = yield from self._messages(exchange, initial)
        except MechanismError as error:
            if error.challenge:
                yield from self._ask(error.challenge)  # whatever the client says to it (RFC 7628 3.2.3)
            if error.malformed:
                return LoginFailure.MALFORMED
            return LoginFailure.UNBOUND if error.unbound else LoginFailure.REJECTED
        if not isinstance(outcome, Success):
            return outcome
        if outcome.proof:
            # A client that does not believe the proof cancels; one that does has nothing to add (RFC 4422 3.6).
            answer = yield from self._ask(outcome.proof)
            if answer != b"":
                return answer if isinstance(answer, LoginFailure) else LoginFailure.MALFORMED
        return outcome.account

    def _messages(
        self, exchange: SaslExchange, initial: bytes
    ) -> Generator[Reply | Await, Framed | Overflow | None, Success | LoginFailure]:
        try:
            challenge = next(exchange)
            response: bytes | LoginFailure
            if initial:
                response = b"" if initial == b"=" else _decoded(initial)
            else:
                response = yield from self._ask(challenge)
                if response is LoginFailure.CANCELLED:
                    return LoginFailure.WITHDRAWN
            while not isinstance(response, LoginFailure):
                challenge = exchange.send(response)
                response = yield from self._ask(challenge, said=response)
        except StopIteration as finished:
            success: Success = finished.value
            return success
        return response

    def _ask(
        self, challenge: bytes, said: bytes = b""
    ) -> Generator[Reply | Await, Framed | Overflow | None, bytes | LoginFailure]:
        """Send a challenge, which answers what was ``said``, and return the decoded response."""
        reply, shown = self.dialogue.challenge(challenge), _without_nonce(challenge, said)
        yield reply if shown == challenge else replace(reply, masked=self.dialogue.challenge(shown).raw)
        line = yield Await.line(b"*")
        if not isinstance(line, Framed):
            return LoginFailure.MALFORMED
        if line.parts[0] == b"*":
            return LoginFailure.CANCELLED
        return _decoded(line.parts[0])


def _without_nonce(challenge: bytes, said: bytes) -> bytes:
    """Return a challenge for the transcript: SCRAM's repeats the client's nonce (RFC 5802 5.1), whatever that is."""
    nonce = _NONCE.search(said)
    start = b"r=" + nonce[1] if nonce else b""
    return b"r=" + MASK + challenge[len(start) :] if start and challenge.startswith(start) else challenge


def _decoded(response: bytes) -> bytes | LoginFailure:
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error:
        return LoginFailure.MALFORMED
