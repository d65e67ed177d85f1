"""What ``labserver explain`` tells of a rule."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from labserver.cli.case_words import WIDTH
from labserver.verdicts.policy import Policy
from labserver.verdicts.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["rule_words"]

_MOST = 8
"""Scenarios that are named."""


def rule_words(name: str, catalogue: Catalogue) -> Iterator[str]:
    """Yield lines about a rule: sentence, clause, why it matters, an example; nothing if there is no such rule."""
    rule = RULES.get(name)
    if rule is None:
        return
    yield from textwrap.wrap(f"{rule.id}: {rule.sentence}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    yield ""
    bound = ", ".join(policy.value for policy in Policy if policy in rule.binding)
    facts = {
        "Clause": rule.source,
        "Severity": f"{rule.severity.value}, unless the case says otherwise",
        "Why": rule.why,
        "Example": rule.example,
        "A failure under": "every policy" if len(rule.binding) == len(Policy) else f"{bound}; elsewhere a remark",
        "Judged in": _where(name, catalogue, always=rule.always),
    }
    for label, text in facts.items():
        yield from textwrap.wrap(f"{label}: {text}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _where(name: str, catalogue: Catalogue, *, always: bool) -> str:
    if always:
        return "every case"
    scenarios = [scenario.id for scenario in catalogue.values() if name in scenario.rules]
    shown = ", ".join(scenarios[:_MOST])
    return f"{shown} and {len(scenarios) - _MOST} more" if len(scenarios) > _MOST else shown
