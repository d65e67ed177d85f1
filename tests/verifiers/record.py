"""What is kept of the findings: a file with a line for each scenario, so that what changes shows line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.verifiers.measure import Measured

__all__ = ["Record", "Rows", "read", "written"]

Rows = dict[str, dict[str, Finding]]
"""Scenario, verifier, finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The findings on file."""

    versions: dict[str, str] = field(default_factory=dict)
    """Of each verifier, by its name."""
    scenarios: Rows = field(default_factory=dict)
    repaired: Rows = field(default_factory=dict)
    """The same of those that have a repaired form, whatever is not accepted."""

    @property
    def second_reasons(self) -> Rows:
        """The repaired forms that somebody rejects, which is for something else than the fault."""
        rejected: Rows = {
            scenario: {name: found for name, found in row.items() if found is not Finding.UNMET}
            for scenario, row in self.repaired.items()
        }
        return {scenario: row for scenario, row in rejected.items() if row}

    def with_findings(
        self, versions: Mapping[str, str], found: Iterable[Measured], repaired: Iterable[Measured]
    ) -> Record:
        """Return the record with new findings in place of old ones; the rest is kept."""
        scenarios = {name: dict(row) for name, row in self.scenarios.items()}
        for one in found:
            scenarios.setdefault(one.scenario, {})[one.verifier] = one.finding
        after = {name: dict(row) for name, row in self.repaired.items()}
        for one in repaired:
            row = after.setdefault(one.scenario, {})
            row.pop(one.verifier, None)
            if one.finding is not Finding.ACCEPTED:
                row[one.verifier] = one.finding
        return Record(versions={**self.versions, **versions}, scenarios=scenarios, repaired=after)

    def arranged(self, verifiers: Sequence[str], scenarios: Sequence[str], repaired: Sequence[str]) -> Record:
        """Return the record in this order, without whatever is not among these any more."""
        return Record(
            versions={name: self.versions[name] for name in verifiers if name in self.versions},
            scenarios=_arranged(self.scenarios, scenarios, verifiers),
            repaired=_arranged(self.repaired, repaired, verifiers),
        )


def _arranged(rows: Rows, scenarios: Sequence[str], verifiers: Sequence[str]) -> Rows:
    return {
        scenario: {name: rows[scenario][name] for name in verifiers if name in rows[scenario]}
        for scenario in scenarios
        if scenario in rows
    }


def read(path: Path) -> Record:
    """Return what a file holds, nothing if there is none."""
    if not path.exists():
        return Record()
    document = json.loads(path.read_text(encoding="utf-8"))
    return Record(
        versions=document["versions"],
        scenarios=_rows(document["scenarios"]),
        repaired=_rows(document["repaired"]),
    )


def _rows(part: Mapping[str, Mapping[str, str]]) -> Rows:
    return {scenario: {name: Finding(word) for name, word in row.items()} for scenario, row in part.items()}


def written(record: Record) -> str:
    """Return the file's contents."""
    parts: dict[str, Mapping[str, object]] = {
        "versions": record.versions,
        "scenarios": record.scenarios,
        "repaired": record.repaired,
    }
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()) + "\n}\n"


def _lines(part: Mapping[str, object]) -> str:
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in part.items())
    return "{\n" + lines + "\n}"
