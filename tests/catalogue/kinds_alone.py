"""Scenarios of one misbehaviour each: every kind with its own example, for what no entry of the catalogue shows yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.notation import read_misbehaviours
from labserver.misbehaviours.table import KINDS
from labserver.scenario import Expectation, Scenario, Server, Severity
from labserver.services import SERVICES, ProtocolName
from tests.catalogue.met import Met, meet
from tests.ours import catalogue_with

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Misbehaviour

__all__ = ["alone", "met_alone"]

_ONE_OF_EACH = ("submission", "imap", "pop3")
"""A service of each protocol; those begin in clear, so that a client meets what happens there, too."""
_MECHANISMS = {
    "challenge": ("CRAM-MD5",),
    "login-unasked": ("SCRAM-SHA-256",),
    "proof": ("SCRAM-SHA-256",),
    "scram": ("SCRAM-SHA-256",),
}
"""What the server offers where a kind is about some mechanisms only."""


def alone(kind: str) -> Scenario:
    """Return a scenario that has nothing wrong but a kind's example."""
    protocols = KINDS[kind].protocols
    services = tuple(name for name in _ONE_OF_EACH if SERVICES[name].protocol in {*map(ProtocolName, protocols)})
    links: tuple[Misbehaviour, ...] = read_misbehaviours([{"kind": kind, **KINDS[kind].example}], services)
    return Scenario(
        id=f"{kind}-alone",
        title=f"The example of {kind}",
        group="kinds",
        does=f"It does what the example of {kind} says.",
        expects="It works with the server, or stops there.",
        expectation=Expectation.EITHER,
        severity=Severity.NONE,
        references=(),
        services=services,
        chain=Chain(links),
        server=Server(mechanisms=_MECHANISMS.get(kind, ())),
    )


def met_alone(kind: str) -> Met:
    """Have the reference clients meet a kind's example."""
    scenario = alone(kind)
    return meet(scenario, catalogue_with(scenario))
