"""What STARTTLS or STLS gets for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command, Dialogue, Reply

__all__ = ["HonestUpgrade", "Upgrade", "UpgradeRefused", "UpgradeUnknown"]


class Upgrade(Protocol):
    """The answer to the upgrade command."""

    def answer(self, command: Command, dialogue: Dialogue) -> Reply | None:
        """Return what is answered instead, and the dialogue stays in clear; None to go on honestly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestUpgrade:
    """TLS starts."""

    def answer(self, command: Command, dialogue: Dialogue) -> Reply | None:  # noqa: ARG002 -- the facet's
        """Return None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRefused:
    """TLS is temporarily not available: 454 4.7.0, NO, -ERR (RFC 3207 4)."""

    def answer(self, command: Command, dialogue: Dialogue) -> Reply | None:
        """Return the protocol's refusal."""
        return dialogue.upgrade_unavailable(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeUnknown:
    """The command is not known, as if the server had never heard of TLS."""

    def answer(self, command: Command, dialogue: Dialogue) -> Reply | None:
        """Return what an unknown command gets."""
        return dialogue.unrecognized(command)
