"""Where this machine's programs meet a scenario of a running lab: by a name that leads there, by address, or by port.

A name counts only if it leads to the scenario and not to the known-good server: a test that passes against the wrong
one has shown nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.cli.loopback import has_addresses
from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.scenario import Scenario

__all__ = ["Meeting", "meeting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Where to connect, and what to verify."""

    host: str
    """The host to connect to."""
    server_name: str
    """The host to connect to whose name is verified."""
    ports: Mapping[str, int]
    note: str = ""
    """What the user should know about it."""


def meeting(record: Mapping[str, object], scenario: Scenario, address: str) -> Meeting:
    """Return where a scenario is met; ``address`` is its own, empty if it has none.

    Raises ConfigurationError if this lab has it nowhere.
    """
    identifier = scenario.id
    ports, opened = _usual_ports(record), _own_ports(record, identifier)
    usual = str(record.get("host"))
    for name in (name.rstrip(".") for name in scenario.host_names if scenario.hosts_entries):
        if _leads(name, address, scenario):
            return Meeting(host=usual if scenario.by_name else address, server_name=name, ports=ports)
    own = scenario.host_names[0]
    if opened and not scenario.hosts_entries:
        return Meeting(host=own, server_name=own, ports=opened)
    if address and ports and has_addresses() and usual.startswith("127."):
        return Meeting(host=address, server_name=address, ports=ports, note=_unresolved(scenario, address))
    if opened:
        return Meeting(host=usual, server_name="localhost", ports=opened, note=_unresolved(scenario, "localhost"))
    raise ConfigurationError(f"nothing here leads to {identifier}; labserver up --scenario {identifier} gives it ports")


def _leads(name: str, address: str, scenario: Scenario) -> bool:
    """Return whether the system resolves a name, and only to where the scenario is."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return all(place == address or (scenario.by_name and _is_loopback(place)) for place in found)


def _is_loopback(place: str) -> bool:
    return ipaddress.ip_address(place.partition("%")[0]).is_loopback


def _unresolved(scenario: Scenario, instead: str) -> str:
    """Return what to say where the scenario's own name does not lead to it."""
    identifier, name = scenario.id, scenario.host_names[0]
    if not scenario.hosts_entries:
        return (
            f"{identifier} is about the host {name}, where the good server is; LABSERVER_SERVER_NAME is {instead}; "
            f"labserver up --scenario {identifier} opens it under its own name, and labserver check meets it there"
        )
    return (
        f"this system does not resolve {name} to {identifier}, so LABSERVER_SERVER_NAME is {instead}; "
        "labserver hosts prints lines for /etc/hosts"
    )


def _usual_ports(record: Mapping[str, object]) -> Mapping[str, int]:
    ports = record.get("ports")
    return ports if isinstance(ports, dict) else {}


def _own_ports(record: Mapping[str, object], identifier: str) -> Mapping[str, int]:
    """Return the ports that ``--scenario`` gave a scenario; none if it did not."""
    opened = record.get("scenarios")
    found = [one for one in opened if one["id"] == identifier] if isinstance(opened, list) else []
    return found[0]["ports"] if found else {}
