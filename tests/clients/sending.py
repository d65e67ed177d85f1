"""Every client that sends, as a table: each entry is the shortest verifying, TLS-requiring use of one client.

A sender submits one message from the endpoint's account to itself and raises when the client would not.
"""

from __future__ import annotations

import asyncio
import smtplib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiosmtplib

from tests.clients.javascript import node
from tests.clients.running_lab import BEARERS
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.running_lab import Endpoint
    from tests.clients.sandbox import Sandbox

__all__ = ["GNU_SASL_DENIAL", "SCRAM", "SENDERS", "Sender", "curl_login"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A client that submits mail."""

    send: Callable[[Sandbox, Endpoint, bytes], object]
    """Submit this message; raises ClientRefusedError when the client gives up."""
    refusal: str
    """What the client says about a certificate it does not trust, as a regular expression."""
    mechanisms: tuple[str, ...] = ()
    """The SASL mechanisms it can be told to use (``Endpoint.mechanism``)."""
    denial: str = ""
    """What it says about a wrong password, as a regular expression."""


def curl_login(endpoint: Endpoint) -> tuple[str, ...]:
    """Return curl's options for the account and the mechanism."""
    account = endpoint.account
    if endpoint.mechanism in BEARERS:
        return (
            "-u",
            f"{account.user}:",
            "--oauth2-bearer",
            account.token,
            "--login-options",
            f"AUTH={endpoint.mechanism}",
        )
    return ("-u", f"{account.user}:{account.password}", "--login-options", f"AUTH={endpoint.mechanism or '*'}")


def _curl(sandbox: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    scheme = "smtps" if endpoint.implicit else "smtp"
    sandbox.run(
        "curl", "-sS", "--max-time", PATIENCE, "--ssl-reqd", "--cacert", endpoint.ca,
        *curl_login(endpoint),
        "--mail-from", endpoint.account.address, "--mail-rcpt", endpoint.account.address,
        "-T", sandbox.file("message", message), f"{scheme}://{endpoint.host}:{endpoint.port}/",
    )  # fmt: skip


def _swaks(sandbox: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    data = sandbox.file("message", message.removesuffix(b"\r\n"))  # swaks ends the last line itself
    sandbox.run(
        "swaks", "--server", endpoint.host, "--port", endpoint.port, "-tlsc" if endpoint.implicit else "-tls",
        "--tls-verify", "--tls-ca-path", endpoint.ca, "--timeout", PATIENCE,
        "-f", endpoint.account.address, "-t", endpoint.account.address,
        "-a", endpoint.mechanism or "PLAIN", "-au", endpoint.account.user, "-ap", endpoint.account.password,
        "--data", f"@{data}",
    )  # fmt: skip


def _msmtp(sandbox: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    account = endpoint.account
    configuration = sandbox.file(
        "msmtprc",
        f"account lab\nhost {endpoint.host}\nport {endpoint.port}\nfrom {account.address}\n"
        f'auth {(endpoint.mechanism or "on").lower()}\nuser {account.user}\npassword "{endpoint.secret}"\n'
        f"tls on\ntls_starttls {'off' if endpoint.implicit else 'on'}\ntls_trust_file {endpoint.ca}\n"
        f"timeout {PATIENCE}\n",
    )
    stdin = message.replace(b"\r\n", b"\n")
    sandbox.run("msmtp", "-C", configuration, "-a", "lab", account.address, stdin=stdin)


def _smtplib(_: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    account, context = endpoint.account, endpoint.context()
    client = (
        smtplib.SMTP_SSL(endpoint.host, endpoint.port, timeout=PATIENCE, context=context)
        if endpoint.implicit
        else smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE)
    )
    with client:
        if not endpoint.implicit:
            client.starttls(context=context)
        _smtplib_login(client, endpoint)
        client.sendmail(account.address, [account.address], message, ["BODY=8BITMIME"])


def _smtplib_login(client: smtplib.SMTP, endpoint: Endpoint) -> None:
    account, mechanism = endpoint.account, endpoint.mechanism
    if mechanism is None:
        client.login(account.user, account.password)
        return
    client.ehlo()
    client.user, client.password = account.user, account.password
    respond = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login, "CRAM-MD5": client.auth_cram_md5}[mechanism]
    client.auth(mechanism, respond)  # type: ignore[arg-type]  # typeshed knows none of the three signatures


def _aiosmtplib(_: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    account = endpoint.account
    sending = aiosmtplib.send(
        message,
        sender=account.address,
        recipients=[account.address],
        hostname=endpoint.host,
        port=endpoint.port,
        username=account.user,
        password=account.password,
        use_tls=endpoint.implicit,
        start_tls=not endpoint.implicit,
        tls_context=endpoint.context(),
        timeout=PATIENCE,
    )
    asyncio.run(sending)


def _nodemailer(sandbox: Sandbox, endpoint: Endpoint, message: bytes) -> None:
    node(sandbox, "send.mjs", endpoint, message=str(sandbox.file("message", message)))


SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")
# GNU SASL cannot read the e= by which SCRAM says that a proof was wrong (RFC 5802 7), and gives up over that.
GNU_SASL_DENIAL = "exited with 77:|exited with 70:(.|\n)*SASL mechanism could not parse input"
_PASSWORDS = ("PLAIN", "LOGIN", "CRAM-MD5")

SENDERS = {
    "curl": Sender(
        send=_curl, refusal="exited with 60:", mechanisms=(*_PASSWORDS, "OAUTHBEARER"), denial="exited with 67:"
    ),
    "swaks": Sender(
        send=_swaks,
        refusal=r"exited with 29:(.|\n)*certificate verify failed",
        mechanisms=_PASSWORDS,
        denial=r"exited with 28:(.|\n)* 535 ",
    ),
    "msmtp": Sender(
        send=_msmtp,
        refusal="TLS certificate verification failed",
        mechanisms=(*_PASSWORDS, *SCRAM, *BEARERS),
        denial=GNU_SASL_DENIAL,
    ),
    "smtplib": Sender(
        send=_smtplib, refusal="certificate verify failed", mechanisms=_PASSWORDS, denial="AuthenticationError: .535,"
    ),
    "aiosmtplib": Sender(send=_aiosmtplib, refusal="certificate verify failed"),
    "nodemailer": Sender(
        send=_nodemailer,
        refusal="unable to (verify|get)|self-signed",
        mechanisms=(*_PASSWORDS, "XOAUTH2"),
        denial="EAUTH",
    ),
}
"""Senders by name."""
