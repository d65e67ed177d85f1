"""A SASL exchange as a conversation: who is told what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Await, LoginFailure, Reply
from labserver.dialogues.smtp import SmtpDialogue
from labserver.sasl.mechanism import MechanismError, Success
from labserver.session.conversation import Conversation
from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from labserver.sasl.mechanism import SaslExchange


def _refused(challenge: bytes) -> SaslExchange:
    yield b""
    raise MechanismError("the proof is wrong", challenge=challenge)


def _accepted() -> SaslExchange:
    yield b""
    return Success(account="alice")


@pytest.mark.parametrize("challenge", [b"e=invalid-proof", b""])
def test_refusing_challenge(challenge: bytes) -> None:
    """A refusal in the mechanism's own words comes before the protocol's, whatever the client says to it."""
    steps = Conversation(dialogue=SmtpDialogue(line_limit=1000)).run(_refused(challenge), b"eA==", client_first=True)
    if challenge:
        said = next(steps)
        assert isinstance(said, Reply)
        assert said.challenge == challenge
        assert isinstance(next(steps), Await)
    with pytest.raises(StopIteration) as end:
        steps.send(Framed(parts=(b"",), raw=b"\r\n") if challenge else None)
    assert end.value.value is LoginFailure.REJECTED


def test_accepted() -> None:
    """Who is let in is named."""
    with pytest.raises(StopIteration) as end:
        next(Conversation(dialogue=SmtpDialogue(line_limit=1000)).run(_accepted(), b"eA==", client_first=True))
    assert end.value.value == "alice"
