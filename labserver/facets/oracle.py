"""How the server finds out what a client believes: behaviour that is itself the measuring instrument."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NoOracle", "Oracle", "RepliesWithheld"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOracle:
    """Answer at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepliesWithheld:
    """Inside TLS nothing is answered for ``seconds``: a client that goes on has taken its answer from elsewhere."""

    seconds: float = 2.0


Oracle = NoOracle | RepliesWithheld
