"""Where a scenario is met: three ways to it on every service, and how each is told to the programs that go there."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.services import SERVICES
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.services import Service
    from tests.integration.labs import LabProcess

__all__ = ["Place", "Way", "gnutls_cli", "place", "places", "s_client", "ways"]


class Way(StrEnum):
    """How a client gets to a scenario."""

    NAME = "name"
    """It asks for the name in TLS, on the lab's usual ports."""
    ADDRESS = "address"
    """It dials the scenario's own loopback address, and asks for no name."""
    LEASE = "lease"
    """It dials localhost on a port that is the scenario's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A scenario on a service, reached in one way."""

    scenario: str
    service: Service
    host: str
    """The address to dial."""
    port: int
    name: str
    """The name to ask for and to be shown; empty where the address is what has to be shown."""
    ca: Path

    @property
    def shown(self) -> str:
        """The name or address that a good certificate is for."""
        return self.name or self.host

    def asking(self, name: str) -> Place:
        """Return the same place with another name to ask for."""
        return replace(self, name=name)


def ways(scenario: str) -> tuple[Way, ...]:
    """Return how a scenario can be reached."""
    return tuple(way for way in Way if way is not Way.NAME or CATALOGUE[scenario].by_name)


def place(lab: LabProcess, scenario: str, service: str, way: Way) -> Place:
    """Return where a scenario is in a lab that has it on ports of its own, too."""
    leased = next(one for one in lab.ready["scenarios"] if one["id"] == scenario)
    host, name = {
        Way.NAME: ("127.0.0.1", CATALOGUE[scenario].host_names[0]),
        Way.ADDRESS: (CATALOGUE.address(scenario), ""),
        Way.LEASE: ("127.0.0.1", "localhost"),
    }[way]
    ports = leased["ports"] if way is Way.LEASE else lab.ports
    return Place(
        scenario=scenario,
        service=SERVICES[service],
        host=host,
        port=ports[service],
        name=name,
        ca=Path(leased["ca"]["pem"]),
    )


def places(scenarios: Iterable[str], services: Iterable[str]) -> list[tuple[str, str, Way]]:
    """Return scenario, service and way of every combination that there is; for ``parametrize``."""
    return [
        (scenario, service, way)
        for scenario in scenarios
        for service in services
        if service in CATALOGUE[scenario].services
        for way in ways(scenario)
    ]


def s_client(where: Place, *options: str) -> str:
    """Let ``openssl s_client`` shake hands and verify; return all that it prints."""
    host = f"[{where.host}]" if ":" in where.host else where.host
    words = ["openssl", "s_client", "-connect", f"{host}:{where.port}", "-CAfile", str(where.ca), "-no-CApath"]
    words += ["-verify_hostname", where.name, "-servername", where.name] if where.name else ["-noservername"]
    words += [] if where.name else ["-verify_ip", where.host]
    words += [] if where.service.implicit_tls else ["-starttls", where.service.protocol]
    done = subprocess.run(
        [*words, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def gnutls_cli(where: Place, *options: str) -> str:
    """Let ``gnutls-cli`` shake hands and verify; return all that it prints."""
    words = ["gnutls-cli", "--x509cafile", str(where.ca), "--port", str(where.port), "--verify-hostname", where.shown]
    words += ["--sni-hostname", where.name] if where.name else ["--disable-sni"]
    words += [] if where.service.implicit_tls else ["--starttls-proto", where.service.protocol]
    words += [*options, where.host]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")
