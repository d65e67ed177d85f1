"""Claims about the document: it shows what is on file, and makes stand out what is not as it ought to be."""

from __future__ import annotations

import pytest

from tests.docs.documents import section
from tests.ours import CATALOGUE
from tests.verifiers.document import document, wrong
from tests.verifiers.findings import Finding
from tests.verifiers.record import Record

_SCENARIOS = {name: CATALOGUE[name] for name in ("good", "expired", "no-san", "rsa1024")}
_RECORD = Record(
    versions={"a": "A 1", "b": "B 2"},
    scenarios={
        "good": {"a": Finding.ACCEPTED, "b": Finding.NAME},
        "expired": {"a": Finding.EXPIRED, "b": Finding.OTHER},
        "no-san": {"a": Finding.ACCEPTED, "b": Finding.NAME},
        "rsa1024": {"a": Finding.ACCEPTED, "b": Finding.UNMET},
    },
    repaired={"expired": {"b": Finding.SIGNATURE}, "rsa1024": {"a": Finding.UNMET}},
)
_TEXT = document(_RECORD, _SCENARIOS)


@pytest.mark.parametrize(
    ("scenario", "verdict", "cells"),
    [
        ("good", "accepts", "✓ | **name**"),
        ("expired", "rejects (security)", "expired | rejects"),
        ("no-san", "*either*", "✓ | name"),
        ("rsa1024", "rejects (security)", "**✓** | ·"),
    ],
)
def test_rows(scenario: str, verdict: str, cells: str) -> None:
    """What is not as the scenario has it is bold; where clients may differ, nothing is, nor what was not met."""
    assert f"| [`{scenario}`](SCENARIOS.md#{scenario}) | {verdict} | {cells} |" in _TEXT


def test_summary() -> None:
    """Each verifier has its numbers, and its own lists."""
    told = section(_TEXT, "## Each verifier")
    assert "| a | A 1 | 1 of 2 | 0 of 0 | 0 of 1 | 0 |" in told
    assert "| b | B 2 | 0 of 2 | 0 of 0 | 1 of 1 | 1 |" in told
    assert "* a accepted (insecure): `rsa1024`; it refused, although good, none." in told
    assert "All of them reject 1 of the 2 that have to be rejected: `expired`." in told
    assert "All of them accept 0 of the 1 that have to be accepted: none." in told


def test_surprises() -> None:
    """The worst comes first, in words."""
    first, second = section(_TEXT, "## The 2 most surprising").strip().splitlines()
    assert first.endswith("It is accepted by a.")
    assert "(`rsa1024`)" in first
    assert "(`good`)" in second
    assert second.endswith("It is refused by b; not by a.")


def test_second_reasons() -> None:
    """Who rejects a chain without its fault is named."""
    told = section(_TEXT, "## Without the fault")
    assert "Nobody rejects 1 of those" in told
    assert "| `expired` | b (signature) |" in told


def test_unmet_is_never_wrong() -> None:
    """Who has not met a case has done nothing wrong, whatever is expected."""
    assert not any(wrong(scenario, Finding.UNMET) for scenario in _SCENARIOS.values())
