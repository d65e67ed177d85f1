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
_STOPS = frozenset(
    {"challenge", "endless-challenges", "foreign-greeting", "login-unasked", "proof", "repeat", "scram", "tls-version"}
)
"""Kinds behind whose example a right client says nothing more, and a wrong one does."""
_WEAK = frozenset({"tls-groups", "tls-signatures"})
"""Kinds whose example is a handshake that is too weak."""
_REJECTED = (
    _STOPS | _WEAK | {"silence", "tls-alpn", "tls-stalled", "tls-suites", "upgrade-pretended", "upgrade-refused"}
)
"""Kinds whose example has to be rejected."""
_RULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_STOPS, ("stops-there",)),
    **dict.fromkeys(_WEAK, ("rejects-handshake",)),
    **dict.fromkeys(("answer", "quota-full"), ("mail-only-when-asked",)),
    "data-refused": ("no-refused-mail-again",),
    "injection": ("only-offered-mechanisms",),
    "uidvalidity": ("no-stale-uids",),
}
"""What a client does wrong at their examples, where that is no rule that always holds."""
_SLOW: dict[str, dict[str, object]] = {
    "delay": {"when": {"nth": "1"}, "seconds": 0.5},
    "drip": {"size": 1, "seconds": 0.02},
    "hold": {"when": {"nth": "1"}, "seconds": 0.5},
    "records": {"size": 256, "seconds": 0.1},
    "segments": {"when": {"on": ["greeting", "command"]}},
    "withhold": {"seconds": 0.5},
}
"""Kinds that a right client waits for, and the fields by which their example is too much for one that does not."""
_MECHANISMS = {
    "challenge": ("CRAM-MD5",),
    "injection": ("SCRAM-SHA-256",),
    "login-unasked": ("SCRAM-SHA-256",),
    "proof": ("SCRAM-SHA-256",),
    "scram": ("SCRAM-SHA-256",),
}
"""What the server offers where a kind is about some mechanisms only."""


def alone(kind: str) -> Scenario:
    """Return a scenario that has nothing wrong but a kind's example."""
    protocols = KINDS[kind].protocols
    services = tuple(name for name in _ONE_OF_EACH if SERVICES[name].protocol in {*map(ProtocolName, protocols)})
    fields = {**KINDS[kind].example, **_SLOW.get(kind, {})}
    links: tuple[Misbehaviour, ...] = read_misbehaviours([{"kind": kind, **fields}], services)
    expectation = Expectation.ACCEPT if kind in _SLOW else Expectation.EITHER
    return Scenario(
        id=f"{kind}-alone",
        title=f"The example of {kind}",
        group="kinds",
        does=f"It does what the example of {kind} says.",
        expects="It works with the server, or stops there.",
        expectation=Expectation.REJECT if kind in _REJECTED else expectation,
        severity=Severity.MEDIUM if kind in _REJECTED else Severity.NONE,
        rules=_RULES.get(kind, ()),
        references=(),
        services=services,
        chain=Chain(links),
        server=Server(mechanisms=_MECHANISMS.get(kind, ())),
    )


def met_alone(kind: str) -> Met:
    """Have the reference clients meet a kind's example."""
    scenario = alone(kind)
    return meet(scenario, catalogue_with(scenario))
