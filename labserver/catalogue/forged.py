"""Scenarios from certificate recipes: each recipe is one, and its file's name is its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki import specification
from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import Verdict
from labserver.scenario import Expectation, Scenario, Severity

if TYPE_CHECKING:
    from labserver.pki.specification import ChainSpec

__all__ = ["forged_scenarios"]

_EXPECTS = {
    Verdict.ACCEPT: "It works with the server.",
    Verdict.REJECT: "It ends the connection at the handshake and sends nothing inside TLS.",
    Verdict.EITHER: "It works with the server, or ends the connection at the handshake: both are right.",
}
_RULES = {
    Verdict.ACCEPT: ("gets-through",),
    Verdict.REJECT: ("rejects-certificate",),
    Verdict.EITHER: (),
}
_SEVERITIES = {
    specification.Severity.NONE: Severity.NONE,
    specification.Severity.CONFORMANCE: Severity.LOW,
    specification.Severity.SECURITY: Severity.CRITICAL,
}


def forged_scenarios(topic: str) -> dict[str, Scenario]:
    """Return a scenario for each recipe of a topic, which is its file's name."""
    return {spec.id: _scenario(spec) for spec in all_recipes().values() if spec.topic == topic}


def _scenario(spec: ChainSpec) -> Scenario:
    return Scenario(
        id=spec.id,
        title=spec.title,
        group=spec.topic,
        does=spec.does,
        expects=spec.expects or _EXPECTS[spec.verdict],
        expectation=Expectation(spec.verdict.value),
        severity=_SEVERITIES[spec.severity],
        references=spec.references,
        rows=spec.rows,
        host=spec.host,
        certificate=spec.id,
        recipe=spec,
        rules=_RULES[spec.verdict],
        default=spec.default,
        own_anchor=spec.own_anchor,
        asked=spec.met_by,
    )
