"""PLAIN and LOGIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage


@pytest.mark.parametrize(
    ("message", "account"),
    [
        (b"\0alice\0secret", "alice"),
        (b"\0alice@lab.test\0secret", "alice"),
        (b"alice\0alice@lab.test\0secret", "alice"),
        (b"alice@lab.test\0alice\0secret", "alice"),
        ("\0bob\0pässword".encode(), "bob"),
        ("\0bob\0pa\u0308ssword".encode(), "bob"),
    ],
)
def test_plain_accepts(stage: Stage, message: bytes, account: str) -> None:
    """The password opens the account, under any of its names and in any Unicode normal form."""
    outcome = stage.play("PLAIN", message)
    assert outcome.challenges == (b"",)
    assert outcome.success is not None
    assert outcome.success.account == account


@pytest.mark.parametrize(
    ("message", "malformed"),
    [
        (b"", True),
        (b"alice", True),
        (b"alice\0secret", True),
        (b"\0alice\0secret\0", True),
        (b"\0\0secret", False),
        (b"\0alice\0", False),
        (b"\0\0", False),
        ("\0alice\0\u00ad".encode(), False),
        (b"\0alice\0\xff", True),
        (b"\0alice\0wrong", False),
        (b"\0alice\0secret\r\n", False),
        (b"\0nobody\0secret", False),
        (b"bob\0alice\0secret", False),
        (b"nobody\0alice\0secret", False),
    ],
)
def test_plain_refuses(stage: Stage, message: bytes, *, malformed: bool) -> None:
    """Bad syntax is told from bad credentials; nobody acts for another account."""
    error = stage.play("PLAIN", message).error
    assert error is not None
    assert (error.malformed, error.challenge) == (malformed, b"")


def test_login_prompts_to_the_letter(stage: Stage) -> None:
    """LOGIN's prompts are the two that clients know, and a name and a password are enough."""
    outcome = stage.play("LOGIN", b"alice@lab.test", b"secret")
    assert outcome.challenges == (b"Username:", b"Password:")
    assert outcome.success is not None
    assert outcome.success.account == "alice"


@pytest.mark.parametrize(
    ("responses", "malformed"),
    [
        ((b"\xff",), True),
        ((b"", b"secret"), False),
        ((b"alice", b""), False),
        ((b"", b""), False),
        ((b"alice", b"secret\0"), True),
        ((b"alice", b"wrong"), False),
        ((b"nobody", b"secret"), False),
    ],
)
def test_login_refuses(stage: Stage, responses: tuple[bytes, ...], *, malformed: bool) -> None:
    """Bad syntax is told from bad credentials."""
    error = stage.play("LOGIN", *responses).error
    assert error is not None
    assert error.malformed is malformed
