"""Every client that reads, as a table: each entry is the shortest verifying, TLS-requiring use of one client.

A reader returns the newest message of the endpoint's account as the client gives it, and raises when the client would
not. Clients that store mail on disk give it with the host's line ends; ``native`` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import poplib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aioimaplib  # type: ignore[import-untyped]  # it ships no types
import imap_tools
import imapclient  # type: ignore[import-untyped]  # it ships no types

from tests.clients.javascript import node
from tests.clients.running_lab import BEARERS, TlsMode
from tests.clients.sending import GNU_SASL_DENIAL, SCRAM, curl_login
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.running_lab import Endpoint
    from tests.clients.sandbox import Sandbox

__all__ = ["READERS", "Reader"]

_BOTH = (TlsMode.STARTTLS, TlsMode.IMPLICIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A client that fetches mail over one protocol."""

    protocol: str
    read: Callable[[Sandbox, Endpoint], bytes]
    """Return the newest message; raises ClientRefusedError or the library's own error when the client gives up."""
    refusal: str = "certificate verify failed"
    """What the client says about a certificate it does not trust, as a regular expression."""
    mechanisms: tuple[str, ...] = ()
    """The SASL mechanisms it can be told to use (``Endpoint.mechanism``)."""
    denial: str = ""
    """What it says about a wrong password, as a regular expression."""
    native: bool = False
    """Lines end in LF alone, as on disk."""
    modes: tuple[TlsMode, ...] = _BOTH


def _curl(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    scheme = f"{endpoint.protocol}s" if endpoint.implicit else endpoint.protocol
    path = "INBOX;MAILINDEX=1" if endpoint.protocol == "imap" else "1"
    return sandbox.run(
        "curl", "-sS", "--max-time", PATIENCE, "--ssl-reqd", "--cacert", endpoint.ca,
        *curl_login(endpoint),
        f"{scheme}://{endpoint.host}:{endpoint.port}/{path}",
    )  # fmt: skip


def _mpop(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    account, maildir = endpoint.account, sandbox.maildir("mail")
    configuration = sandbox.file(
        "mpoprc",
        f"account lab\nhost {endpoint.host}\nport {endpoint.port}\n"
        f'auth {(endpoint.mechanism or "on").lower()}\nuser {account.user}\npassword "{endpoint.secret}"\n'
        f"tls on\ntls_starttls {'off' if endpoint.implicit else 'on'}\ntls_trust_file {endpoint.ca}\n"
        f"timeout {PATIENCE}\n"
        f"keep on\nreceived_header off\ndelivery maildir {maildir}\nuidls_file {sandbox.home / 'uidls'}\n",
    )
    sandbox.run("mpop", "-C", configuration, "lab")
    return _only(maildir)


def _fetchmail(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    account = endpoint.account
    auth = f" auth {endpoint.mechanism.lower()}" if endpoint.mechanism else ""
    tls = "ssl" if endpoint.implicit else "sslproto 'tls1.2+'"
    configuration = sandbox.file(
        "fetchmailrc",
        f"poll {endpoint.host} service {endpoint.port} proto {endpoint.protocol} timeout {PATIENCE}{auth}\n"
        f"  user '{account.user}' password '{account.password}' keep no rewrite\n"
        f"  {tls} sslcertck sslcertfile {endpoint.ca} mda '/bin/cat'\n",
    )
    return sandbox.run(
        "fetchmail", "-f", configuration, "-N", "--invisible", "--silent", "--pidfile", sandbox.home / "pid",
        "-i", sandbox.home / "ids", environment={"FETCHMAILHOME": str(sandbox.home)},
    )  # fmt: skip


_GETMAIL_ADDS = rb"(?m)^(Return-Path: <unknown>|X-getmail-retrieved-from-mailbox: INBOX)\n"


def _getmail(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    account, delivered = endpoint.account, sandbox.home / "delivered"
    retriever = {"imap": "IMAP", "pop3": "POP3"}[endpoint.protocol]
    mailboxes = 'mailboxes = ("INBOX",)\n' if endpoint.protocol == "imap" else ""
    folder = sandbox.folder("getmail")
    sandbox.file(
        "getmail/getmailrc",
        f"[retriever]\ntype = Simple{retriever}SSLRetriever\nserver = {endpoint.host}\nport = {endpoint.port}\n"
        f"username = {account.user}\npassword = {account.password}\nca_certs = {endpoint.ca}\n{mailboxes}"
        f"timeout = {PATIENCE}\n"
        f"[destination]\ntype = MDA_external\npath = {sandbox.program('tee')}\narguments = ('{delivered}',)\n"
        "allow_root_commands = true\n"
        "[options]\nreceived = false\ndelivered_to = false\nread_all = true\ndelete = false\n",
    )
    sandbox.run("getmail", "--getmaildir", folder)
    return re.sub(_GETMAIL_ADDS, b"", delivered.read_bytes())


def _imaplib(_: Sandbox, endpoint: Endpoint) -> bytes:
    context = endpoint.context()
    client = (
        imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=context, timeout=PATIENCE)
        if endpoint.implicit
        else imaplib.IMAP4(endpoint.host, endpoint.port, timeout=PATIENCE)
    )
    with client:
        if not endpoint.implicit:
            client.starttls(context)
        _imaplib_login(client, endpoint)
        client.select("INBOX")
        answer = client.fetch("*", "(BODY.PEEK[])")[1][0]
        assert isinstance(answer, tuple)
        return answer[1]


def _imaplib_login(client: imaplib.IMAP4, endpoint: Endpoint) -> None:
    account = endpoint.account
    match endpoint.mechanism:
        case "PLAIN":
            client.authenticate("PLAIN", lambda _: f"\0{account.user}\0{account.password}".encode())
        case "CRAM-MD5":
            client.login_cram_md5(account.user, account.password)
        case _:
            client.login(account.user, account.password)


def _poplib(_: Sandbox, endpoint: Endpoint) -> bytes:
    account, context = endpoint.account, endpoint.context()
    if endpoint.implicit:
        client: poplib.POP3 = poplib.POP3_SSL(endpoint.host, endpoint.port, context=context, timeout=PATIENCE)
    else:
        client = poplib.POP3(endpoint.host, endpoint.port, timeout=PATIENCE)
    with contextlib.closing(client):
        if not endpoint.implicit:
            client.stls(context)
        client.user(account.user)
        client.pass_(account.password)
        count, _octets = client.stat()
        lines = client.retr(count)[1]
        client.quit()
    return b"".join(line + b"\r\n" for line in lines)


def _imapclient(_: Sandbox, endpoint: Endpoint) -> bytes:
    account, context = endpoint.account, endpoint.context()
    with imapclient.IMAPClient(
        endpoint.host, endpoint.port, ssl=endpoint.implicit, ssl_context=context, timeout=PATIENCE
    ) as client:
        if not endpoint.implicit:
            client.starttls(context)
        client.login(account.user, account.password)
        client.select_folder("INBOX", readonly=True)
        newest = client.search()[-1]
        message: bytes = client.fetch([newest], ["BODY.PEEK[]"])[newest][b"BODY[]"]
    return message


def _imap_tools(_: Sandbox, endpoint: Endpoint) -> bytes:
    account = endpoint.account
    kind = imap_tools.MailBox if endpoint.implicit else imap_tools.MailBoxStartTls
    client = kind(endpoint.host, endpoint.port, timeout=PATIENCE, ssl_context=endpoint.context())
    with client.login(account.user, account.password) as box:
        (message,) = box.fetch(imap_tools.A(subject="Known good"), mark_seen=False, reverse=True, limit=1)
    return message.obj.as_bytes()


def _aioimaplib(_: Sandbox, endpoint: Endpoint) -> bytes:
    async def read() -> bytes:
        account = endpoint.account
        client = aioimaplib.IMAP4_SSL(endpoint.host, endpoint.port, timeout=PATIENCE, ssl_context=endpoint.context())
        await client.wait_hello_from_server()
        await client.login(account.user, account.password)
        await client.select("INBOX")
        answer = await client.fetch("*", "BODY.PEEK[]")
        await client.logout()
        return bytes(answer.lines[1])

    return asyncio.run(read())


def _imapflow(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    return node(sandbox, "read.mjs", endpoint)


def _only(maildir: Path) -> bytes:
    """Return the one message of a Maildir."""
    (path,) = (path for part in ("new", "cur") for path in (maildir / part).iterdir())
    return path.read_bytes()


_IMPLICIT = (TlsMode.IMPLICIT,)
_PASSWORDS = ("PLAIN", "LOGIN", "CRAM-MD5")
_CURL = Reader(
    protocol="imap",
    read=_curl,
    refusal="exited with 60:",
    mechanisms=(*_PASSWORDS, "OAUTHBEARER"),
    denial="exited with 67:",
)
_FETCHMAIL = Reader(
    protocol="imap",
    read=_fetchmail,
    refusal="exited with 2:(.|\n)*certificate verification error",
    mechanisms=("CRAM-MD5",),
    denial="exited with 3:",
    native=True,
)
# getmail knows implicit TLS only.
_GETMAIL = Reader(protocol="imap", read=_getmail, native=True, modes=_IMPLICIT)

READERS = {
    "curl-imap": _CURL,
    "curl-pop3": replace(_CURL, protocol="pop3"),
    "mpop": Reader(
        protocol="pop3",
        read=_mpop,
        refusal="TLS certificate verification failed",
        mechanisms=("USER", *_PASSWORDS, *SCRAM, *BEARERS),
        denial=GNU_SASL_DENIAL,
        native=True,
    ),
    "fetchmail-imap": _FETCHMAIL,
    "fetchmail-pop3": replace(_FETCHMAIL, protocol="pop3"),
    "getmail-imap": _GETMAIL,
    "getmail-pop3": replace(_GETMAIL, protocol="pop3"),
    "imaplib": Reader(protocol="imap", read=_imaplib, mechanisms=("PLAIN", "CRAM-MD5"), denial=r"AUTHENTICATIONFAILED"),
    "poplib": Reader(protocol="pop3", read=_poplib),
    "imapclient": Reader(protocol="imap", read=_imapclient),
    "imap-tools": Reader(protocol="imap", read=_imap_tools, native=True),
    # aioimaplib has no STARTTLS.
    "aioimaplib": Reader(protocol="imap", read=_aioimaplib, modes=_IMPLICIT),
    "imapflow": Reader(
        protocol="imap",
        read=_imapflow,
        refusal="unable to (verify|get)|self-signed",
        mechanisms=("PLAIN", "LOGIN", "OAUTHBEARER"),
        denial="AUTHENTICATIONFAILED",
    ),
}
"""Readers by name."""
