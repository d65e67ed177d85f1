"""The first words of a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from labserver.dialogues.exchange import Reply

__all__ = ["Greeting", "HonestGreeting", "Preauthenticated"]


class Greeting(Protocol):
    """What is said first."""

    @property
    def authenticated(self) -> bool:
        """Whether the session begins as if the client had logged in."""

    def spoken(self, honest: Reply) -> Reply:
        """Return what is said instead of the honest greeting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestGreeting:
    """The backend's own."""

    authenticated: bool = False

    def spoken(self, honest: Reply) -> Reply:
        """Return the honest greeting."""
        return honest


_STATUS = re.compile(rb"\A\* OK (\[[^\]]*\] )?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preauthenticated:
    """IMAP's PREAUTH in clear: no STARTTLS is possible any more (RFC 9051 7.1.4: the client MUST close)."""

    authenticated: bool = True

    def spoken(self, honest: Reply) -> Reply:
        """Return ``* PREAUTH`` with the capabilities of the authenticated state, as the backend lists them."""
        return Reply.greeting(_STATUS.sub(rb"* PREAUTH \1", honest.raw), "PREAUTH")
