"""What commands tell of a scenario before they show its details: what is wrong, why, and what a client is to do."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from labserver.scenario import Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.scenario import Scenario

__all__ = ["WIDTH", "case_words"]

WIDTH = 110
_SERVER = {
    Expectation.ACCEPT: "The server",
    Expectation.EITHER: "What is unusual",
    Expectation.REJECT: "What is wrong",
}


def case_words(scenario: Scenario, **others: str) -> Iterator[str]:
    """Yield lines of at most :data:`WIDTH` columns; ``others`` are further facts, their labels with underscores."""
    facts = {
        _SERVER[scenario.expectation]: scenario.does,
        "A correct client": scenario.expects,
        "Severity": scenario.severity.value,
        "See": "; ".join(scenario.references),
    }
    facts |= {label.replace("_", " "): text for label, text in others.items()}
    for label, text in facts.items():
        if text:
            yield from textwrap.wrap(f"{label}: {text}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)
