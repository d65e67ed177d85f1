"""What commands are for."""

from __future__ import annotations

import pytest

from labserver.dialogues import imap, pop3, smtp
from labserver.dialogues.exchange import Command
from labserver.dialogues.purposes import Purpose, purpose_of

PURPOSES = {
    ("EHLO", b"me"): Purpose.DISCOVERY,
    ("CAPA", b""): Purpose.DISCOVERY,
    ("AUTH", b""): Purpose.DISCOVERY,
    ("AUTH", b"PLAIN"): Purpose.CREDENTIALS,
    ("STARTTLS", b""): Purpose.UPGRADE,
    ("STLS", b""): Purpose.UPGRADE,
    ("PASS", b"x"): Purpose.CREDENTIALS,
    ("DATA", b""): Purpose.MAIL,
    ("UID FETCH", b"1 FLAGS"): Purpose.MAILBOX,
    ("ID", b"NIL"): Purpose.IDENTITY,
    ("NOOP", b""): Purpose.NOTHING,
    ("LOGOUT", b""): Purpose.FAREWELL,
    ("FROBNICATE", b""): Purpose.UNKNOWN,
    ("", b""): Purpose.UNKNOWN,
}


@pytest.mark.parametrize(("asked", "purpose"), PURPOSES.items())
def test_purposes(asked: tuple[str, bytes], purpose: Purpose) -> None:
    """A purpose is the same whatever the protocol calls it."""
    verb, argument = asked
    assert purpose_of(Command(verb=verb, argument=argument)) is purpose


@pytest.mark.parametrize("verb", sorted(imap.WORDS | pop3.WORDS | smtp.WORDS))
def test_every_word_of_a_protocol_has_a_purpose(verb: str) -> None:
    """Nothing that the dialogues know is of unknown purpose."""
    assert purpose_of(Command(verb=verb, argument=b"x")) is not Purpose.UNKNOWN
