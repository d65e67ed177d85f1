"""What EHLO, CAPABILITY and CAPA list; names are as the dialogue spells them (``STARTTLS``, ``AUTH PLAIN``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Capabilities", "HonestCapabilities", "UpgradeHidden", "UpgradeRenamed"]


class Capabilities(Protocol):
    """What is advertised."""

    def listed(self, honest: tuple[str, ...], *, upgrade: str, secure: bool) -> tuple[str, ...]:
        """Return the names to list; ``upgrade`` is the protocol's word for STARTTLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestCapabilities:
    """The truth."""

    def listed(self, honest: tuple[str, ...], *, upgrade: str, secure: bool) -> tuple[str, ...]:  # noqa: ARG002 -- the facet's
        """Return the names as they are."""
        return honest


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeHidden:
    """STARTTLS is not advertised in clear, as if a man in the middle had cut it out."""

    def listed(self, honest: tuple[str, ...], *, upgrade: str, secure: bool) -> tuple[str, ...]:
        """Return the names without the upgrade."""
        return honest if secure else tuple(name for name in honest if name.upper() != upgrade)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRenamed:
    """STARTTLS is advertised under a name that is not it, as some middleboxes overwrite it in place."""

    name: str

    def listed(self, honest: tuple[str, ...], *, upgrade: str, secure: bool) -> tuple[str, ...]:
        """Return the names with the upgrade overwritten."""
        return honest if secure else tuple(self.name if name.upper() == upgrade else name for name in honest)
