"""What a verifier is given, and what it answers: one form for every program and library there is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from labserver.pki.chain import Chain
    from tests.verifiers.findings import Reasons

__all__ = ["Answer", "Case", "Outcome", "Verifier"]


class Outcome(StrEnum):
    """What became of a connection."""

    ACCEPTED = "accepted"
    """The verifier got the greeting, after the handshake, and went on."""
    REJECTED = "rejected"
    UNMET = "unmet"
    """It never got to judge the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario as it is met."""

    id: str
    name: str
    """The name or address that the certificate has to be for."""
    address: str
    """Where to connect: an address that is the scenario's own."""
    ports: dict[str, int]
    anchors: Path
    """What to trust, and nothing else (PEM)."""
    chain: Chain
    """What is served, for libraries that judge a chain without a handshake."""
    crls: Path | None = None
    """What its CAs have revoked (PEM), for whoever can be given that."""
    asked: str = ""
    """The TLS extension by which a client asks for what the case is about; others do not meet it."""

    in_message: bool = False
    """The fault is in how the chain is presented; it takes a handshake to see it."""

    @property
    def by_address(self) -> bool:
        """Whether ``name`` is an IP address, which nobody asks for by SNI (RFC 6066 3)."""
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a verifier makes of a case."""

    case: str
    outcome: Outcome
    words: str = ""
    """Its own; empty if it accepts."""


class Verifier(Protocol):
    """A program or library that decides whether a server is the one that it ought to be."""

    @property
    def name(self) -> str:
        """Return a word for it."""

    @property
    def asks(self) -> frozenset[str]:
        """Return what it asks servers for, or can be told to: :data:`labserver.pki.specification.EXTENSIONS`."""

    @property
    def reasons(self) -> Reasons:
        """Return what its words mean."""

    def version(self) -> str | None:
        """Return its name and version; None if it is not installed."""

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
        """Yield an answer to each case, in any order; ``folder`` is its own."""
