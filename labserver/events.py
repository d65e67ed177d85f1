"""What happened in a connection: past tense, frozen, ordered. The transcript prints it; verdicts read nothing else.

Two layers are recorded side by side: octets as they crossed the network (``Raw…``) and the dialogue inside them
(``CommandReceived``, ``LineReceived``, ``ReplySent`` …), so that a session reads byte for byte on both sides of TLS.
``at`` is seconds since the connection was accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AuthenticationFailed",
    "AuthenticationSucceeded",
    "ClientHelloReceived",
    "CommandReceived",
    "Connected",
    "DataReceived",
    "Disconnected",
    "Event",
    "InternalFault",
    "LineReceived",
    "LoginRejected",
    "MailDelivered",
    "MechanismsListed",
    "Misbehaved",
    "PlaintextDiscarded",
    "RawReceived",
    "RawSent",
    "ReplySent",
    "TlsEstablished",
    "TlsFacts",
    "TlsFailed",
    "TlsStarted",
    "Tolerated",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What a finished handshake agreed on."""

    version: str
    """``TLSv1.3`` …"""
    cipher: str
    """The suite's OpenSSL name."""
    group: str = ""
    """The key exchange group, where the engine can tell."""
    server_name: str = ""
    """The SNI the client sent (RFC 6066 3); empty if none."""
    alpn: str = ""
    client_certificate: str = ""
    """SHA-256 of the client's certificate in hexadecimal; empty if it sent none."""
    engine: str = ""
    """The TLS engine that served it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, ``at`` seconds after the connection was accepted."""

    at: float


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Event):
    """A client connected."""

    service: str
    scenario: str
    """Who it met: the scenario's id, ``good`` for the honest server. SNI may still choose another: Misbehaved tells."""
    peer: str
    """The client's address and port."""
    local: str
    """The address it dialled."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RawReceived(Event):
    """Octets arrived from the network (before decryption)."""

    data: bytes
    size: int
    """Octets that arrived; ``data`` may be shorter where the transcript's limit was reached."""
    encrypted: bool
    """They are TLS records; octets in clear hold whatever credentials the dialogue holds, where TLS is due as well."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RawSent(Event):
    """Octets were handed to the network (after encryption)."""

    data: bytes
    size: int
    encrypted: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived(Event):
    """A whole command came in."""

    verb: str
    """A word of the protocol; empty where the client said another, which may be a credential."""
    data: bytes
    """As it was sent; of large literals the beginning."""
    masked: bytes
    """``data`` with ``****`` for all that is not known to be harmless."""
    secure: bool
    size: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LineReceived(Event):
    """A line inside a command came in: a SASL response, IDLE's DONE."""

    data: bytes
    masked: bytes
    secure: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class DataReceived(Event):
    """Mail data came in (DATA, BDAT)."""

    data: bytes
    """As it was sent, dot-stuffed; of large data the beginning, which is as much as a transcript keeps."""
    size: int
    """Octets that came; 0 if they were too many to be taken."""
    secure: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class MailDelivered(Event):
    """A mail was put into mailboxes: one that the client handed over, or a report about one."""

    envelope: Mapping[str, object]
    """How it came: sender, recipients, parameters, helo, protocol …; each recipient with the account that it led to,
    None if it was not delivered."""
    size: int
    """Characters in the envelope."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent(Event):
    """The server said something; a long reply is told of when the client has taken it, or has gone."""

    kind: str
    data: bytes
    """All of it, or the beginning of what is long."""
    secure: bool
    size: int
    """Octets that were handed over."""
    masked: bytes | None = None
    """``data`` without what it repeats of the command and what may be a credential; None where that is nothing."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaintextDiscarded(Event):
    """Octets that the client sent in clear behind STARTTLS were thrown away (RFC 3207 6; CVE-2011-0411)."""

    data: bytes
    """What it was; never parsed, so whatever credentials it holds are in it."""
    size: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TlsStarted(Event):
    """The server began to wait for a ClientHello."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHelloReceived(Event):
    """What the client offered to TLS, by IANA's names; a number in hexadecimal stands where the lab knows none.

    It is in the traces of ``labserver check``, which reads it from the octets, and in no live transcript.
    """

    versions: tuple[str, ...]
    """``TLSv1.3`` …"""
    groups: tuple[str, ...]
    """For key exchange (RFC 8446 4.2.7)."""
    signatures: tuple[str, ...]
    """The schemes in which the server may sign (RFC 8446 4.2.3)."""
    extensions: tuple[str, ...]
    """``server_name``, ``status_request`` …"""
    suites: tuple[str, ...]
    """Cipher suites."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TlsEstablished(Event):
    """The handshake finished from the server's point of view (a client may still reject it: TLS 1.3)."""

    facts: TlsFacts


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFailed(Event):
    """TLS broke: during the handshake or later."""

    reason: str
    """In the engine's words."""
    alert: str = ""
    """The alert's IANA name if the client sent one, e.g. ``unknown_ca``."""
    during_handshake: bool = True


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationSucceeded(Event):
    """The client proved who it is."""

    account: str
    mechanism: str
    secure: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationFailed(Event):
    """An authentication ended without success."""

    mechanism: str
    """Empty where the client asked for one that nobody knows, which may be a credential."""
    reason: str
    secure: bool
    remedy: str = ""
    """What to do about it, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismsListed(Event):
    """A reply told the client which SASL mechanisms there are; in the traces of ``labserver check``, as above."""

    mechanisms: tuple[str, ...]
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRejected(Event):
    """SMTP's AUTH was answered with a refusal, whoever decided that; in the traces of ``labserver check``, as above."""

    code: str
    """The reply code: ``535``."""
    secure: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerated(Event):
    """The client did not keep to a command's grammar and was understood all the same; told once for each kind."""

    what: str
    """The command and what is wrong with it: ``MAIL with an underscore in the domain``."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaved(Event):
    """The server did what its scenario is about: the fault has reached the client."""

    scenario: str
    facet: str
    """Which axis of behaviour acted: ``greeting``, ``capabilities``, ``upgrade``, ``certificate`` …"""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFault(Event):
    """The lab itself failed inside this session: a finding about us, never about the client."""

    description: str
    masked: str
    """``description`` without the exception's words, which may be the client's."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Event):
    """The connection is gone."""

    by: str
    """``client``, ``server`` or ``error``."""
    clean: bool
    """TLS was closed with close_notify by whoever closed first, or there was no TLS."""
    reason: str = ""
    received: int = field(default=0)
    sent: int = field(default=0)
