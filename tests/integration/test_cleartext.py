"""By default no service takes a credential in clear, and each says why in its own words."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.integration.peer import Peer

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

_PLAIN = base64.b64encode(b"\0alice\0secret")
_TABLE = [
    ("smtp", b"AUTH PLAIN " + _PLAIN + b"\r\n", b"538 5.7.11 "),
    ("submission", b"AUTH PLAIN " + _PLAIN + b"\r\n", b"538 5.7.11 "),
    ("submission", b"AUTH LOGIN\r\n", b"538 5.7.11 "),
    ("submission", b"AUTH SCRAM-SHA-256\r\n", b"538 5.7.11 "),
    ("lmtp", b"AUTH PLAIN " + _PLAIN + b"\r\n", b"5"),
    ("imap", b"a LOGIN alice secret\r\n", b"a NO [PRIVACYREQUIRED] "),
    ("imap", b"a AUTHENTICATE PLAIN " + _PLAIN + b"\r\n", b"a NO [PRIVACYREQUIRED] "),
    ("pop3", b"USER alice\r\n", b"-ERR "),
    ("pop3", b"PASS secret\r\n", b"-ERR "),
    ("pop3", b"AUTH PLAIN " + _PLAIN + b"\r\n", b"-ERR "),
    ("pop3", b"APOP alice 0123456789abcdef0123456789abcdef\r\n", b"-ERR "),
]
_OFFERS = [
    ("smtp", b"EHLO me\r\n", b"STARTTLS", b"AUTH"),
    ("submission", b"EHLO me\r\n", b"STARTTLS", b"AUTH"),
    ("imap", b"a CAPABILITY\r\n", b"LOGINDISABLED", b"AUTH="),
    ("pop3", b"CAPA\r\n", b"STLS", b"SASL"),
]


@pytest.mark.parametrize(("service", "command", "answer"), _TABLE)
def test_refused(lab: LabProcess, service: str, command: bytes, answer: bytes) -> None:
    """A login in clear is refused, and the session goes on."""
    with Peer(lab, service) as peer:
        if service in ("smtp", "submission", "lmtp"):
            peer.ask(b"LHLO me\r\n" if service == "lmtp" else b"EHLO me\r\n")
        assert peer.ask(command).startswith(answer)
        assert peer.ask(b"n NOOP\r\n" if service == "imap" else b"QUIT\r\n")


@pytest.mark.parametrize(("service", "command", "offered", "missing"), _OFFERS)
def test_not_offered(lab: LabProcess, service: str, command: bytes, offered: bytes, missing: bytes) -> None:
    """What would be refused is not offered."""
    with Peer(lab, service) as peer:
        listed = peer.listing(command) if service == "pop3" else peer.ask(command)
        assert offered in listed
        assert missing not in listed


def test_mail_in_clear_needs_a_login_where_it_is_required(lab: LabProcess) -> None:
    """Submission takes no mail from a stranger (RFC 6409 4.3)."""
    with Peer(lab, "submission") as peer:
        peer.ask(b"EHLO me\r\n")
        assert peer.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"530 5.7.0 ")
