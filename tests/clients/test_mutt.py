"""mutt: sends by its own SMTP, reads, copies to a new folder and deletes at its screen."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING

import pytest

from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.clients.sandbox import refusing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.running_lab import Account, Endpoint, RunningLab, TlsMode
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


def _settings(sandbox: Sandbox, smtp: Endpoint, imap: Endpoint) -> Path:
    user, password = smtp.account.user, smtp.account.password
    suffix = "s" if smtp.implicit else ""
    return sandbox.file(
        "muttrc",
        "set ssl_force_tls=yes ssl_starttls=yes\n"
        f'set ssl_ca_certificates_file="{smtp.ca}" certificate_file="{sandbox.home}/accepted"\n'
        f'set from="{smtp.account.address}" use_from=yes envelope_from_address="{smtp.account.address}"\n'
        f'set smtp_url="smtp{suffix}://{user}@{smtp.host}:{smtp.port}/" smtp_pass="{password}"\n'
        # Left alone, this mutt picks SCRAM-SHA-256-PLUS for SMTP, for which it has no channel binding, and gives up.
        "set smtp_authenticators=scram-sha-256\n"
        f'set imap_user="{user}" imap_pass="{password}"\n'
        f'set folder="imap{suffix}://{imap.host}:{imap.port}/" spoolfile="+INBOX" record=""\n'
        "set allow_8bit=yes use_8bitmime=yes charset=utf-8 pipe_decode=no wait_key=no\n"
        "set sleep_time=0 quit=yes move=no delete=yes confirmappend=no confirmcreate=no mark_old=no\n",
    )


def test_mutt_sends(lab: RunningLab, sandbox: Sandbox, account: Account, tls: TlsMode) -> None:
    """What mutt was given on standard input is in the INBOX, with its subject and its eight-bit text."""
    settings = _settings(sandbox, lab.endpoint("smtp", tls, account), lab.endpoint("imap", tls, account))
    body = "Grüße\n.\nFrom here\n"
    sandbox.run("mutt", "-F", settings, "-s", "Grüße vom Köter", account.address, stdin=body.encode())
    (received,) = Mailbox(lab, account).messages()
    parsed = email.message_from_bytes(received, policy=email.policy.default)
    assert (parsed["Subject"], parsed.get_content()) == ("Grüße vom Köter", body.replace("\n", "\r\n"))


def test_mutt_sends_nothing_to_a_stranger(
    lab: RunningLab, sandbox: Sandbox, account: Account, tls: TlsMode, stranger: Path
) -> None:
    """With another CA mutt does not send."""
    endpoints = (lab.endpoint(protocol, tls, account, ca=stranger) for protocol in ("smtp", "imap"))
    settings = _settings(sandbox, *endpoints)
    with refusing("Untrusted server certificate"):
        sandbox.run("mutt", "-F", settings, "-s", "never", account.address, stdin=b"never\n")
    assert Mailbox(lab, account).messages() == []


def test_mutt_reads_copies_and_deletes(lab: RunningLab, sandbox: Sandbox, account: Account, tls: TlsMode) -> None:
    """The piped message equals the stored one; one is copied to a folder mutt creates, another is deleted for good."""
    first, second = (message(account.address, account.address) for _ in range(2))
    inbox = Mailbox(lab, account)
    inbox.append(first)
    inbox.append(second)
    settings = _settings(sandbox, lab.endpoint("smtp", tls, account), lab.endpoint("imap", tls, account))
    with sandbox.converse("mutt", "-F", settings, terminal=True) as mutt:
        mutt.expect(r"Msgs:2")
        mutt.type("1\n|")
        mutt.expect(r"Pipe to command: ")
        mutt.type(f"cat > {sandbox.home}/piped\n")
        mutt.type("C")
        mutt.expect(r"Copy to mailbox")
        mutt.type("\x15=Kept\n")
        mutt.expect(r"to Kept\.\.\.")
        mutt.type("2\nd")
        mutt.expect(r"Del:1")
        mutt.type("q")
        assert mutt.finish() == 0
    assert (sandbox.home / "piped").read_bytes() == first.replace(b"\r\n", b"\n")
    assert Mailbox(lab, account, "Kept").messages() == [first]
    assert inbox.messages() == [first]


def test_mutt_asks_about_a_stranger(
    lab: RunningLab, sandbox: Sandbox, account: Account, tls: TlsMode, stranger: Path
) -> None:
    """With another CA mutt shows the certificate and opens nothing until a person accepts it."""
    endpoints = (lab.endpoint(protocol, tls, account, ca=stranger) for protocol in ("smtp", "imap"))
    settings = _settings(sandbox, *endpoints)
    with sandbox.converse("mutt", "-F", settings, terminal=True) as mutt:
        mutt.expect(r"\(r\)eject, accept \(o\)nce")
        mutt.type("r")
        mutt.expect(r"Msgs:0")
        mutt.type("q")
        mutt.finish()
