"""The first words of a connection: what the client gets of each kind."""

from __future__ import annotations

import pytest

from labserver.dialogues.exchange import Preauthenticate
from tests.misbehaviours.kinds.rows import (
    GREETINGS,
    InGreeting,
    named,
    over_the_greeting,
)
from tests.misbehaviours.stage import raw

GREETED = [
    InGreeting("foreign-greeting", {"protocol": "ssh"}, "smtp", [b"SSH-2.0-OpenSSH_9.2\r\n"]),
    InGreeting("foreign-greeting", {"protocol": "tls-alert"}, "imap", [b"\x15\x03\x01\x00\x02\x02\x28"]),
    InGreeting("tagged-greeting", {}, "imap", [b"A1 OK ready\r\n"]),
    InGreeting(
        "tagged-greeting",
        {"tags": ["a", "b"], "greets": True},
        "imap",
        [raw([GREETINGS["imap"]]), b"a OK ready\r\nb OK ready\r\n"],
    ),
    InGreeting("endless-greeting", {"octets": 1000}, "smtp", [b"220-Still greeting\r\n" * 50]),
    InGreeting("endless-greeting", {"octets": 1000}, "imap", [b"* OK Still greeting\r\n" * 47]),
    InGreeting("endless-greeting", {"octets": 1000}, "pop3", [b"+OK Still greeting\r\n" * 50]),
    InGreeting(
        "preauth", {}, "imap", [Preauthenticate(), b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"]
    ),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)
