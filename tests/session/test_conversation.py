"""A SASL exchange as a conversation: who is told what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Await, LoginFailure
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


@pytest.mark.parametrize(("challenge", "told"), [(b"e=invalid-proof", ["refused"]), (b"", [])])
def test_refusing_challenge(challenge: bytes, told: list[str]) -> None:
    """Whoever wants to know of a refusal does before the client has the challenge: it may never answer that."""
    known: list[str] = []
    conversation = Conversation(
        dialogue=SmtpDialogue(line_limit=1000), proof=lambda honest: honest, refusing=lambda: known.append("refused")
    )
    steps = conversation.run(_refused(challenge), b"eA==", client_first=True)
    if challenge:
        next(steps)
        assert known == told
        assert isinstance(next(steps), Await)
    with pytest.raises(StopIteration) as end:
        steps.send(Framed(parts=(b"",), raw=b"\r\n") if challenge else None)
    assert end.value.value is LoginFailure.REJECTED
    assert known == told


def test_accepted() -> None:
    """Nothing is refused to a client that is let in."""
    known: list[str] = []
    conversation = Conversation(
        dialogue=SmtpDialogue(line_limit=1000), proof=lambda honest: honest, refusing=lambda: known.append("refused")
    )
    with pytest.raises(StopIteration) as end:
        next(conversation.run(_accepted(), b"eA==", client_first=True))
    assert end.value.value == "alice"
    assert known == []
