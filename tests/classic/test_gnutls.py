"""`gnutls-cli -s`: the plain session by hand, then SIGALRM to switch to TLS, then the session goes on inside it.

gnutls-cli exits with 0 only when the server ended the session with close_notify.
"""

from __future__ import annotations

import base64
import signal
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What is typed to one service, each line with the regular expression of its answer."""

    service: str
    in_clear: tuple[tuple[str, str], ...]
    in_tls: tuple[tuple[str, str], ...]


_SESSIONS = (
    _Session(
        service="submission",
        in_clear=(
            ("", r"^220 .*\n"),
            ("EHLO test", r"^250-STARTTLS\r?\n(250-.*\n)*250 .*\n"),
            ("STARTTLS", r"^220 .*\n"),
        ),
        in_tls=(
            ("EHLO test", r"^250-AUTH .*PLAIN.*\n(250-.*\n)*250 .*\n"),
            (f"AUTH PLAIN {_PLAIN}", r"^235 .*\n"),
            ("QUIT", r"^221 .*\n"),
        ),
    ),
    _Session(
        service="imap",
        in_clear=(("", r"^\* OK .*\n"), ("1 CAPABILITY", r"^1 OK .*\n"), ("2 STARTTLS", r"^2 OK .*\n")),
        in_tls=(("3 LOGIN user secret", r"^3 OK .*\n"), ('4 LIST "" "*"', r"^4 OK .*\n"), ("5 LOGOUT", r"^5 OK .*\n")),
    ),
    _Session(
        service="pop3",
        in_clear=(("", r"^\+OK .*\n"), ("CAPA", r"^\.\r?\n"), ("STLS", r"^\+OK.*\n")),
        in_tls=(("USER user", r"^\+OK.*\n"), ("PASS secret", r"^\+OK.*\n"), ("QUIT", r"^\+OK.*\n")),
    ),
)


def _gnutls_cli(desk: Sandbox, lab: RunningLab, service: str, ca: Path) -> AbstractContextManager[Conversation]:
    return desk.converse("gnutls-cli", "-s", "--crlf", "--x509cafile", ca, "-p", lab.ports[service], "localhost")


def _type(gnutls: Conversation, lines: tuple[tuple[str, str], ...]) -> None:
    for line, answer in lines:
        if line:
            gnutls.type(f"{line}\n")
        gnutls.expect(answer)


@pytest.mark.parametrize("session", _SESSIONS, ids=lambda session: session.service)
def test_starttls_by_hand(classic_lab: RunningLab, desk: Sandbox, session: _Session) -> None:
    """STARTTLS is typed in clear; SIGALRM switches, the certificate is shown and trusted, the login works inside."""
    with _gnutls_cli(desk, classic_lab, session.service, classic_lab.ca) as gnutls:
        _type(gnutls, session.in_clear)
        gnutls.signal(signal.SIGALRM)
        gnutls.expect(r"subject `CN=localhost,.*', issuer `.*', serial 0x[0-9a-f]+,")
        gnutls.expect(r"- Status: The certificate is trusted\.")
        gnutls.expect(r"- Description: \(TLS1\.3-X\.509\)-.*\n(.*\n)*?- Options:")
        _type(gnutls, session.in_tls)
        assert gnutls.finish() == 0


@pytest.mark.parametrize("session", _SESSIONS, ids=lambda session: session.service)
def test_another_ca_is_refused(classic_lab: RunningLab, desk: Sandbox, session: _Session, another_ca: Path) -> None:
    """With another CA gnutls-cli says so at the switch and ends."""
    with _gnutls_cli(desk, classic_lab, session.service, another_ca) as gnutls:
        _type(gnutls, session.in_clear)
        gnutls.signal(signal.SIGALRM)
        gnutls.expect(r"- Status: The certificate is NOT trusted\.")
        assert gnutls.finish() == 1
