"""Every limit in one place. Exceeding one answers with the protocol's own error; none is silent.

A limit is one line here: its name, default and a phrase for the help. Its option of ``labserver up``, ``run`` and
``check`` derives from it: ``--max-message-size`` for ``message_size``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

__all__ = ["HELP", "SHOWN", "Limits"]

T = TypeVar("T", int, float)

HELP = "help"
"""The key of a field's metadata under which its phrase for the help is: what is counted, its unit first."""
SHOWN = "shown"
"""The key under which the help finds the default in words, where the number says nothing; empty for the others."""
_MIB = 1 << 20


def _limit(default: T, told: str, *, shown: str = "") -> T:
    """Return a field: its default, and what it counts. A phrase that begins with "octets" lets units be given (10M)."""
    return field(default=default, metadata={HELP: told, SHOWN: shown})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what clients may make the lab hold or wait for. Sizes in octets, times in seconds."""

    message_size: int = _limit(50 * _MIB, "octets of one message")
    """One message. SMTP 552 5.3.4 and SIZE (RFC 1870), IMAP NO [TOOBIG] and APPENDLIMIT (RFC 7889)."""
    mailbox_messages: int = _limit(100_000, "messages in one mailbox")
    """Messages in one mailbox. SMTP 452 4.2.2, IMAP NO [LIMIT] (RFC 9051)."""
    mailbox_size: int = _limit(2048 * _MIB, "octets in one mailbox")
    """Octets in one mailbox. SMTP 452 4.2.2, IMAP NO [OVERQUOTA] (RFC 9208)."""
    keywords: int = _limit(1_000, "different keywords in one mailbox")
    """Different keywords of the messages in one mailbox. IMAP NO [LIMIT]."""
    memory: int = _limit(
        0,
        "octets that all clients together make the lab hold in memory",
        shown="half of the cgroup's or the machine's, at least 128 MiB",
    )
    """Octets that all clients together may make the lab hold in memory; 0 for half of what there is, at least 128 MiB.

    Beyond it mail that is still coming goes to a file, or is dropped: SMTP 452 4.3.1, IMAP NO [LIMIT]. Where mailboxes
    fill it: SMTP 452 4.3.1, IMAP NO [OVERQUOTA]."""
    spool: int = _limit(1024 * _MIB, "octets of mail that is still coming, in a file")
    """Octets of mail that is still coming in a file, beyond the 256 KiB of each that stay in memory. As above."""
    mailboxes: int = _limit(1_000, "mailboxes of one account")
    """Mailboxes of one account. IMAP NO [LIMIT]."""
    accounts: int = _limit(10_000, "accounts")
    """Accounts of the store; ``--accept-any`` lets clients make them. SMTP 452 4.2.1, IMAP NO [LIMIT]."""
    recipients: int = _limit(1_000, "recipients of one message")
    """Recipients of one SMTP transaction: 452 4.5.3 beyond (RFC 5321 4.5.3.1.10)."""
    smtp_line: int = _limit(12_288 + 2, "octets of an SMTP line")
    """An SMTP command line, AUTH exchanges included (RFC 4954 4.5): 500 5.5.2 beyond."""
    imap_line: int = _limit(65_536, "octets of an IMAP command without its literals")
    """An IMAP command's text without its literals: BAD beyond, BYE when it does not end."""
    pop3_line: int = _limit(12_288 + 2, "octets of a POP3 line")
    """A POP3 command line, AUTH exchanges included (RFC 5034): -ERR beyond."""
    literal_before_login: int = _limit(8_192, "octets of an IMAP literal before login")
    """An IMAP literal before authentication: NO [TOOBIG]."""
    bad_commands: int = _limit(50, "unknown commands in one session")
    """Unrecognised commands in one session before the server says goodbye."""
    failed_logins: int = _limit(20, "failed logins in one session")
    """Failed authentications in one session before the server says goodbye."""
    connections: int = _limit(1_000, "connections at once")
    """Connections at once; the next is greeted with the protocol's refusal (421, BYE, -ERR) and closed."""
    idle_time: float = _limit(1_800.0, "seconds of silence")
    """Silence from the client before a farewell (RFC 5321 4.5.3.2.7, RFC 9051 5.4, RFC 1939 3)."""
    handshake_time: float = _limit(30.0, "seconds for a TLS handshake")
    """A TLS handshake; then the connection is dropped."""
    transcript_octets: int = _limit(32_768, "octets of dialogue kept per session")
    """Octets of dialogue kept per session for the transcript; what is beyond is counted, not kept."""
    transcript_raw_octets: int = _limit(8_192, "octets of the network kept per session")
    """Octets kept per session as they crossed the network (enough for any handshake)."""
    transcript_sessions: int = _limit(500, "sessions kept")
    """Sessions kept in memory for the transcript; the oldest goes first."""
