"""Every limit in one place. Exceeding one answers with the protocol's own error; none is silent.

Each field is a command-line option of ``labserver up`` (``--max-message-size`` for ``message_size`` …).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what clients may make the lab hold or wait for. Sizes in octets, times in seconds."""

    message_size: int = 50 * _MIB
    """One message. SMTP 552 5.3.4 and SIZE (RFC 1870), IMAP NO [TOOBIG] and APPENDLIMIT (RFC 7889)."""
    mailbox_messages: int = 100_000
    """Messages in one mailbox. SMTP 452 4.2.2, IMAP NO [LIMIT] (RFC 9051)."""
    mailbox_size: int = 2048 * _MIB
    """Octets in one mailbox. SMTP 452 4.2.2, IMAP NO [OVERQUOTA] (RFC 9208)."""
    keywords: int = 1_000
    """Different keywords of the messages in one mailbox. IMAP NO [LIMIT]."""
    memory: int = 0
    """Octets that all clients together may make the lab hold in memory; 0 for half of what there is, at least 128 MiB.

    Beyond it mail that is still coming goes to a file, or is dropped: SMTP 452 4.3.1, IMAP NO [LIMIT]. Where mailboxes
    fill it: SMTP 452 4.3.1, IMAP NO [OVERQUOTA]."""
    spool: int = 1024 * _MIB
    """Octets of mail that is still coming in a file, beyond the 256 KiB of each that stay in memory. As above."""
    mailboxes: int = 1_000
    """Mailboxes of one account. IMAP NO [LIMIT]."""
    accounts: int = 10_000
    """Accounts of the store; ``--accept-any`` lets clients make them. SMTP 452 4.2.1, IMAP NO [LIMIT]."""
    recipients: int = 1_000
    """Recipients of one SMTP transaction: 452 4.5.3 beyond (RFC 5321 4.5.3.1.10)."""
    smtp_line: int = 12_288 + 2
    """An SMTP command line, AUTH exchanges included (RFC 4954 4.5): 500 5.5.2 beyond."""
    imap_line: int = 65_536
    """An IMAP command's text without its literals: BAD beyond, BYE when it does not end."""
    pop3_line: int = 12_288 + 2
    """A POP3 command line, AUTH exchanges included (RFC 5034): -ERR beyond."""
    literal_before_login: int = 8_192
    """An IMAP literal before authentication: NO [TOOBIG]."""
    bad_commands: int = 50
    """Unrecognised commands in one session before the server says goodbye."""
    failed_logins: int = 20
    """Failed authentications in one session before the server says goodbye."""
    connections: int = 1_000
    """Connections at once; the next is greeted with the protocol's refusal (421, BYE, -ERR) and closed."""
    idle_time: float = 1_800.0
    """Silence from the client before a farewell (RFC 5321 4.5.3.2.7, RFC 9051 5.4, RFC 1939 3)."""
    handshake_time: float = 30.0
    """A TLS handshake; then the connection is dropped."""
    transcript_octets: int = 32_768
    """Octets of dialogue kept per session for the transcript; what is beyond is counted, not kept."""
    transcript_raw_octets: int = 8_192
    """Octets kept per session as they crossed the network (enough for any handshake)."""
    transcript_sessions: int = 500
    """Sessions kept in memory for the transcript; the oldest goes first."""
