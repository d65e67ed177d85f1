"""`openssl s_client`: the sessions of the classic article, typed by hand against implicit TLS and STARTTLS.

s_client takes a typed line that begins with Q or R for a command to itself, hence the small letters of `quit`. It exits
with 0 only when the server ended the session with close_notify.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.clients.expect import Conversation
    from tests.clients.running_lab import RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client

_PLAIN = base64.b64encode(b"\0user\0secret").decode()


def _s_client(
    desk: Sandbox, lab: RunningLab, service: str, *options: str, ca: Path | None = None
) -> AbstractContextManager[Conversation]:
    return desk.converse(
        "openssl", "s_client", "-connect", f"localhost:{lab.ports[service]}", "-CAfile", ca or lab.ca, "-no-CApath",
        "-verify_return_error", "-verify_hostname", "localhost", *options,
    )  # fmt: skip


@pytest.mark.parametrize("options", [["-crlf"], []], ids=["crlf", "as-typed"])
def test_imaps(classic_lab: RunningLab, desk: Sandbox, options: list[str]) -> None:
    """The certificate is shown and verified; Login, LIST and LOGOUT are answered, also to lines that end in LF."""
    with _s_client(desk, classic_lab, "imaps", *options) as s_client:
        s_client.expect(r"^subject=.*CN = localhost$")
        s_client.expect(r"Verify return code: 0 \(ok\)")
        s_client.expect(r"^\* OK .*\r\n")
        s_client.type("1 Login user secret\n")
        s_client.expect(r"^1 OK .*\r\n")
        s_client.type('2 LIST "" "*"\n')
        s_client.expect(r'^\* LIST \(.*\) "/" "?INBOX"?\r\n')
        s_client.expect(r"^2 OK .*\r\n")
        s_client.type("3 LOGOUT\n")
        s_client.expect(r"^\* BYE .*\r\n3 OK .*\r\n")
        assert s_client.finish() == 0


def test_imaps_says_no_to_a_wrong_secret(classic_lab: RunningLab, desk: Sandbox) -> None:
    """A wrong secret is a tagged NO, and the session goes on."""
    with _s_client(desk, classic_lab, "imaps", "-crlf") as s_client:
        s_client.type("1 Login user wrong\n")
        s_client.expect(r"^1 NO \[AUTHENTICATIONFAILED\] .*\r\n")
        s_client.type("2 Login user secret\n")
        s_client.expect(r"^2 OK .*\r\n")


def test_pop3s(classic_lab: RunningLab, desk: Sandbox) -> None:
    """USER, PASS and QUIT are each answered +OK."""
    with _s_client(desk, classic_lab, "pop3s", "-crlf", "-quiet") as s_client:
        s_client.expect(r"^\+OK .*\r\n")
        for line in ("USER user", "PASS secret", "QUIT"):
            s_client.type(f"{line}\n")
            s_client.expect(r"^\+OK.*\r\n")
        assert s_client.finish() == 0


def test_starttls_smtp(classic_lab: RunningLab, desk: Sandbox) -> None:
    """After STARTTLS, EHLO names AUTH PLAIN and base64(NUL user NUL secret) is answered 235."""
    with _s_client(desk, classic_lab, "submission", "-starttls", "smtp", "-crlf") as s_client:
        s_client.expect(r"Verify return code: 0 \(ok\)")
        s_client.expect(r"^250 .*\r\n")
        s_client.type("EHLO test\n")
        s_client.expect(r"^250-AUTH .*PLAIN.*\r\n")
        s_client.expect(r"^250 .*\r\n")
        s_client.type(f"AUTH PLAIN {_PLAIN}\n")
        s_client.expect(r"^235 .*\r\n")
        s_client.type("quit\n")
        s_client.expect(r"^221 .*\r\n")
        assert s_client.finish() == 0


def test_starttls_imap(classic_lab: RunningLab, desk: Sandbox) -> None:
    """After STARTTLS the greeting is not repeated, AUTHENTICATE PLAIN asks with + and is answered OK."""
    with _s_client(desk, classic_lab, "imap", "-starttls", "imap", "-crlf") as s_client:
        s_client.expect(r"Verify return code: 0 \(ok\)")
        s_client.expect(r"^\. OK .*\r\n")
        s_client.type("1 AUTHENTICATE PLAIN\n")
        s_client.expect(r"^\+ ?.*\r\n")
        s_client.type(f"{_PLAIN}\n")
        s_client.expect(r"^1 OK .*\r\n")
        s_client.type("2 LOGOUT\n")
        s_client.expect(r"^2 OK .*\r\n")
        assert s_client.finish() == 0


def test_starttls_pop3(classic_lab: RunningLab, desk: Sandbox) -> None:
    """After STLS, AUTH PLAIN with the same string is answered +OK."""
    with _s_client(desk, classic_lab, "pop3", "-starttls", "pop3", "-crlf") as s_client:
        s_client.expect(r"Verify return code: 0 \(ok\)")
        s_client.expect(r"^\+OK .*\r\n")  # the greeting, which s_client shows only now, and without its line end
        s_client.type(f"AUTH PLAIN {_PLAIN}\n")
        s_client.expect(r"\+OK .*\r\n")
        s_client.type("quit\n")
        s_client.expect(r"^\+OK.*\r\n")
        assert s_client.finish() == 0


@pytest.mark.parametrize("service", ["imaps", "pop3s", "submissions"])
def test_another_ca_is_refused(classic_lab: RunningLab, desk: Sandbox, another_ca: Path, service: str) -> None:
    """With another CA s_client stops in the handshake and says why."""
    with _s_client(desk, classic_lab, service, ca=another_ca) as s_client:
        s_client.expect("certificate verify failed|unable to get local issuer certificate")
        assert s_client.finish() == 1
