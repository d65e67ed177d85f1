"""What the catalogue covers, as a document: docs/COVERAGE.md is what this makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.coverage.tables import CASES, DEFECTS, ROWS, SECTIONS, cases_named, defects_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labserver.scenario import Scenario

__all__ = ["document"]

_HEAD = """\
# What the scenarios cover

Made by `python -m tests.coverage --write` from the catalogue and from `tests/coverage/`; do not edit it here.

The first tables list what a mail server can do wrong, one row each, with the scenarios that do it. Each row has a
permanent id. The next table has the test cases of EAST's fake-mail-server (NO STARTTLS, 2021) by their names. The last
one has known defects of mail clients that such a server shows. *Not yet* means that no scenario does it.

A scenario says itself what it covers: `rows` names rows, and `references` names cases of EAST (`EAST: …`) and defects.
Certificates have tables of their own in [CERTIFICATES.md](CERTIFICATES.md).
"""
_NOT_YET = "*not yet*"
_NO_FAULT = "*no fault*"


def document(scenarios: Sequence[Scenario]) -> str:
    """Return the document; raises KeyError if an entry names something that is not in the tables."""
    rows = _covering(scenarios, lambda scenario: scenario.rows, ROWS)
    cases = _covering(scenarios, cases_named, CASES)
    defects = _covering(scenarios, defects_named)
    return "\n".join((_HEAD, *_summary(rows, cases, defects), *_rows(rows), *_cases(cases), *_defects(defects)))


def _covering(
    scenarios: Sequence[Scenario],
    named: Callable[[Scenario], Iterable[str]],
    known: Iterable[str] | None = None,
) -> dict[str, list[str]]:
    """Return the ids of the scenarios that name something, by what they name."""
    covering: dict[str, list[str]] = {} if known is None else {name: [] for name in known}
    for scenario in scenarios:
        for name in named(scenario):
            (covering.setdefault(name, []) if known is None else covering[name]).append(scenario.id)
    return covering


def _summary(rows: dict[str, list[str]], cases: dict[str, list[str]], defects: dict[str, list[str]]) -> Iterator[str]:
    faulty = [name for name, case in CASES.items() if case.rows]
    yield "| | covered | of |"
    yield "|---|---|---|"
    yield f"| rows | {sum(map(bool, rows.values()))} | {len(ROWS)} |"
    yield f"| EAST's cases with a fault | {sum(bool(cases[name]) for name in faulty)} | {len(faulty)} |"
    yield f"| known defects | {sum(bool(defects.get(name)) for name in DEFECTS)} | {len(DEFECTS)} |"


def _rows(rows: dict[str, list[str]]) -> Iterator[str]:
    for letter, title in SECTIONS.items():
        yield from (
            "",
            f"## {title}",
            "",
            "| id | name | protocols | the server | scenarios |",
            "|---|---|---|---|---|",
        )
        for row in ROWS.values():
            if row.id.startswith(letter):
                names = ", ".join(protocol.value for protocol in row.protocols)
                yield f"| {row.id} | {row.name} | {names} | {row.does} | {_links(rows[row.id])} |"


def _cases(cases: dict[str, list[str]]) -> Iterator[str]:
    yield from ("", "## The cases of EAST", "", "| case | rows | scenarios |", "|---|---|---|")
    for case in CASES.values():
        yield f"| `{case.name}` | {', '.join(case.rows)} | {_links(cases[case.name], faulty=bool(case.rows))} |"


def _defects(defects: dict[str, list[str]]) -> Iterator[str]:
    yield from ("", "## Known defects of clients", "", "| defect | whose | rows | scenarios |", "|---|---|---|---|")
    for defect in DEFECTS.values():
        yield f"| {defect.id} | {defect.whose} | {', '.join(defect.rows)} | {_links(defects.get(defect.id, []))} |"
    yield ""


def _links(names: Sequence[str], *, faulty: bool = True) -> str:
    """Return links to scenarios, or what to say where there is none."""
    nothing = _NOT_YET if faulty else _NO_FAULT
    return ", ".join(f"[`{name}`](SCENARIOS.md#{name})" for name in names) or nothing
