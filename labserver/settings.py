"""What a lab is asked to be: one frozen value, whose parts were checked where they were made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.limits import Limits
from labserver.mailstore.account import USUAL_MAILBOXES
from labserver.mailstore.directory import CATCH_ALL, DEFAULT_USERS
from labserver.pki.material import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labserver.mailstore.directory import User

__all__ = ["HTTP_PORT", "TLS_ENGINES", "Settings"]

HTTP_PORT = 3080
"""The usual port of what is published: the well-known one plus 3000, as those of the services."""
TLS_ENGINES = ("openssl", "stdlib")
"""``openssl``: the cryptography wheel's, the same on every host; ``stdlib``: the host's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything ``labserver up`` can be told. Each field is an option of the command line."""

    ports: Mapping[str, int]
    """Service name to port; 0 means any. A service that is not named is not opened."""
    addresses: tuple[str, ...] = ("127.0.0.1", "::1")
    """Where to listen; loopback unless something else was asked for."""
    http_port: int | None = None
    """Where certificates say that CRLs, CA certificates and OCSP are to be had, on 127.0.0.1 only; 0 means any port,
    None means that nothing is published and no certificate says so."""
    certificates: Wanted = field(default_factory=Wanted)
    users: tuple[User, ...] = DEFAULT_USERS
    accept_any: bool = False
    """Any name and password is an account."""
    catch_all: str | None = CATCH_ALL
    """The account for other recipients; None refuses them with 550."""
    trace_headers: bool = False
    """Prepend Return-Path, Delivered-To and Received, as a delivering server would; off, mail stays byte-identical."""
    folders: Mapping[str, str | None] = field(default_factory=lambda: USUAL_MAILBOXES)
    """What a new account begins with: names of mailboxes, each with its special use."""
    keep_line_ends: bool = False
    """Lines that end with a bare LF are stored so; off, they end with CRLF like all others."""
    preload: tuple[Path, ...] = ()
    store: Path | None = None
    """The SQLite file that keeps the mail; in memory when None."""
    durable: bool = False
    """Wait for the disk at every change, to survive a power failure too."""
    tls_engine: str = TLS_ENGINES[0]
    key_log: Path | None = None
    """Where TLS secrets go in NSS key log format; nowhere when None."""
    client_certificates: bool = False
    """Ask clients for a certificate (EXTERNAL)."""
    cleartext_auth: bool = False
    """Accept credentials without TLS."""
    mechanisms: frozenset[str] | None = None
    """Only these SASL mechanisms; None for all but those that exist by request only."""
    imap_without: frozenset[str] = frozenset()
    """IMAP extensions to leave out."""
    apop: bool = False
    """POP3's greeting has a timestamp and APOP works (RFC 1939 7)."""
    pop3_lock: bool = True
    """One POP3 session at a time has a maildrop (RFC 1939 4)."""
    strict_smtp_syntax: bool = False
    """MAIL and RCPT are taken by RFC 5321's grammar only; off, as Postfix takes them."""
    scenarios: tuple[str, ...] = ()
    """Scenarios to open on ports of their own, besides the addresses and names that all of them have."""
    usual: str = ""
    """The scenario at the lab's usual places; empty for the honest server."""
    limits: Limits = field(default_factory=Limits)
