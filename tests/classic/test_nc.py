"""`nc` to smtp: what a person sees before there is any TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clients.running_lab import RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


def test_the_ehlo_reply_offers_starttls_and_no_login(classic_lab: RunningLab, desk: Sandbox) -> None:
    """In clear, EHLO is answered with STARTTLS and without AUTH; mail from strangers still needs neither."""
    with desk.converse("nc", "localhost", classic_lab.ports["smtp"]) as nc:
        nc.expect(r"^220 localhost .*\r\n")
        nc.type("EHLO test\r\n")
        nc.expect(r"^250 .*\r\n")
        nc.type("QUIT\r\n")
        nc.expect(r"^221 .*\r\n")
        nc.hang_up()
        assert nc.finish() == 0
    assert b"\r\n250-STARTTLS\r\n" in nc.said
    assert b"AUTH" not in nc.said


def test_imap_offers_starttls_and_no_login(classic_lab: RunningLab, desk: Sandbox) -> None:
    """In clear, CAPABILITY names STARTTLS and LOGINDISABLED, and no mechanism."""
    with desk.converse("nc", "localhost", classic_lab.ports["imap"]) as nc:
        nc.expect(r"^\* OK .*\r\n")
        nc.type("1 CAPABILITY\r\n")
        nc.expect(r"^\* CAPABILITY .*\bSTARTTLS LOGINDISABLED\r\n1 OK .*\r\n")
        nc.type("2 LOGOUT\r\n")
        nc.expect(r"^2 OK .*\r\n")
        nc.hang_up()
        assert nc.finish() == 0
    assert b"AUTH=" not in nc.said


def test_pop3_offers_stls_and_no_login(classic_lab: RunningLab, desk: Sandbox) -> None:
    """In clear, CAPA names STLS, and neither USER nor a mechanism."""
    with desk.converse("nc", "localhost", classic_lab.ports["pop3"]) as nc:
        nc.expect(r"^\+OK .*\r\n")
        nc.type("CAPA\r\n")
        nc.expect(r"^STLS\r\n")
        nc.expect(r"^\.\r\n")
        nc.type("QUIT\r\n")
        nc.expect(r"^\+OK.*\r\n")
        nc.hang_up()
        assert nc.finish() == 0
    assert b"USER" not in nc.said
    assert b"SASL" not in nc.said
