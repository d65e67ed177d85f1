"""A lease: one scenario on free ports of its own, recorded apart from everything else, for as long as it is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.interfaces import IListeningPort

    from labserver.catalogue.catalogue import Catalogue
    from labserver.scenario import Scenario
    from labserver.servers.factory import OpenConnections
    from labserver.session.transcript import SessionRecord, Transcript

__all__ = ["LOOPBACK", "Lease", "check_case"]

LOOPBACK = ("127.0.0.1", "::1")
"""Where leases are opened: never anywhere else."""


def check_case(catalogue: Catalogue, identifier: str, services: Sequence[str]) -> Scenario:
    """Return a scenario.

    Raises ConfigurationError if there is no such scenario, or it is not available on one of the services.
    """
    scenario = catalogue.get(identifier)
    if scenario is None:
        raise ConfigurationError(catalogue.unknown(identifier))
    for service in services:
        if service not in scenario.services:
            raise ConfigurationError(
                f"{identifier} is not available on {service}, only on {', '.join(scenario.services)}"
            )
    return scenario


@dataclass(kw_only=True)
class Lease:
    """A scenario that listens."""

    scenario: Scenario
    transcript: Transcript
    connections: OpenConnections
    ca: Mapping[str, str]
    """Files with what a client is told to trust, as :class:`labserver.servers.anchors.AnchorFiles` tells them."""
    crl_pem: Path | None = None
    """CRLs that a client may be given; None where there are none."""
    ports: dict[str, int] = field(default_factory=dict)
    """Service to port, the same on 127.0.0.1 and ::1."""
    listening: list[IListeningPort] = field(default_factory=list)

    @property
    def ca_pem(self) -> Path:
        """What a client is told to trust, for nearly every client."""
        return Path(self.ca["pem"])

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names that the certificate is for, where it is for the right ones."""
        return self.scenario.host_names

    @property
    def sessions(self) -> list[SessionRecord]:
        """The sessions so far, oldest first."""
        return list(self.transcript.records())

    async def close(self, *, grace: float = 0.0) -> None:
        """Stop listening; wait up to ``grace`` seconds for clients, then drop them."""
        for port in self.listening:
            port.stopListening()
        self.listening.clear()
        await self.connections.drain(grace)
