"""CRAM-MD5."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import pytest

from labserver.sasl.cram import answer_challenge
from labserver.sasl.mechanism import MechanismError, Success

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage

CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"
ANSWER = b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_the_example_of_rfc_2195(stage: Stage) -> None:
    """The example of RFC 2195 2 succeeds."""
    exchange = answer_challenge(stage.roster, CHALLENGE)
    assert next(exchange) == CHALLENGE
    with pytest.raises(StopIteration) as stop:
        exchange.send(ANSWER)
    assert stop.value.value == Success(account="tim")


@pytest.mark.parametrize(
    ("response", "malformed"),
    [
        (b"", True),
        (ANSWER.replace(b" ", b""), True),
        (b" b913a602c7eda7a495b4e6e7334d3890", False),
        (b"\xff b913a602c7eda7a495b4e6e7334d3890", True),
        (ANSWER[:-1], False),
        (ANSWER[:4] + ANSWER[4:].upper(), False),
        (ANSWER.replace(b"tim", b"alice"), False),
        (ANSWER.replace(b"tim", b"nobody"), False),
        (b"tim \xff", False),
    ],
)
def test_refusals(stage: Stage, response: bytes, *, malformed: bool) -> None:
    """Bad syntax is told from a wrong digest; an upper-case digest is not RFC 2195's."""
    exchange = answer_challenge(stage.roster, CHALLENGE)
    next(exchange)
    with pytest.raises(MechanismError) as caught:
        exchange.send(response)
    assert caught.value.malformed is malformed


def test_an_unknown_name_never_succeeds(stage: Stage) -> None:
    """The password that stands in for a missing account opens nothing."""
    exchange = answer_challenge(stage.roster, CHALLENGE)
    next(exchange)
    with pytest.raises(MechanismError):
        exchange.send(b"nobody " + hmac.digest(b"", CHALLENGE, "md5").hex().encode())


def test_no_challenge_comes_twice(stage: Stage) -> None:
    """Every exchange has its own challenge, in a message id's form."""
    challenges = [next(stage.begin("CRAM-MD5")) for _ in range(3)]
    assert len(set(challenges)) == 3
    assert all(challenge.startswith(b"<") and challenge.endswith(b"@lab.localhost>") for challenge in challenges)
