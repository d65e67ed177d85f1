"""Who a client is talking to: a scenario's facets, ready to act in one session."""

from __future__ import annotations

from dataclasses import dataclass

from labserver.facets.bundle import HONEST, Facets

__all__ = ["GOOD", "Persona"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """The behaviour of one session."""

    scenario: str
    """The scenario's id, for the transcript."""
    facets: Facets = HONEST
    account: str = ""
    """Whose mail a greeting shows that needs no login."""


GOOD = Persona(scenario="good")
"""The honest server."""
