"""What the lab saw of a client: the judgement that does not depend on what the client says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.clients.running_lab import RunningLab

__all__ = ["Evidence"]

_HARMLESS = frozenset({"EHLO", "STARTTLS", "QUIT", "CAPABILITY", "ID", "NOOP", "LOGOUT", "CAPA", "STLS"})
"""Verbs that give nothing away in clear."""


class Evidence:
    """The events from its making on."""

    def __init__(self, lab: RunningLab) -> None:
        self._lab, self._since = lab, lab.now()

    def indiscretions(self) -> set[str]:
        """Return the verbs of commands sent in clear that should have waited for TLS."""
        return {event["verb"].upper() for event in self._events("CommandReceived") if not event["secure"]} - _HARMLESS

    def commands_inside(self) -> list[str]:
        """Return the verbs of the commands sent inside TLS."""
        return [event["verb"].upper() for event in self._events("CommandReceived") if event["secure"]]

    def lines(self, verb: str) -> list[str]:
        """Return the commands of this verb as they were sent."""
        return [event["data"] for event in self._events("CommandReceived") if event["verb"].upper() == verb]

    def mechanisms(self) -> list[str]:
        """Return the mechanisms by which somebody logged in."""
        return [event["mechanism"] for event in self._events("AuthenticationSucceeded")]

    def _events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self._lab.events(self._since) if event["event"] == kind]
