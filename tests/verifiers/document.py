"""The record as a document: docs/VERIFIERS.md is what this makes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from labserver.scenario import Expectation, Severity
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from labserver.scenario import Scenario
    from tests.verifiers.record import Record, Rows

__all__ = ["document", "wrong"]

_HEAD = """\
# Who accepts which certificate

Made by `python -m tests.verifiers --write`, which has other people's programs meet every scenario that is about a
certificate; do not edit it here. `docs/verifiers.json` is the same for programs. Nothing here is a promise: another
version of a program may do otherwise, and shows as a difference when the table is made again.

Each verifier connects to the server over implicit TLS (`imaps`), is told the name and what to trust, and
otherwise left as it comes. It accepts if it reads the greeting after the handshake. `pyca` alone has no handshake: it
is given the chain, and never learns whether the server has the key. Where there is an OCSP staple, those that can be
told to ask for it and to look at it are told so; where CAs publish CRLs, those that can be given them are.
"""
_LEGEND = """\
## The table

✓ accepts. A word is the class of its reason for rejecting. · never got to judge: there is no handshake that both can
do. **Bold** is not what the recipe says; where clients may differ (*either*), nothing is.
What the scenarios are is told in [SCENARIOS.md](SCENARIOS.md).
"""
_SURPRISES, _OF_A_GROUP = 10, 2


def wrong(scenario: Scenario, found: Finding) -> bool:
    """Return whether a finding is not what the scenario expects of a client."""
    if found is Finding.UNMET or scenario.expectation is Expectation.EITHER:
        return False
    return (found is Finding.ACCEPTED) is not (scenario.expectation is Expectation.ACCEPT)


def document(record: Record, scenarios: Mapping[str, Scenario]) -> str:
    """Return the document."""
    rows = {name: row for name, row in record.scenarios.items() if name in scenarios}
    shown = [scenarios[name] for name in rows]
    parts = (
        _HEAD.splitlines(),
        _surprises(rows, shown),
        _summary(record, rows, shown),
        _unanimous(rows, shown),
        _second_reasons(record),
        _LEGEND.splitlines(),
        _table(list(record.versions), rows, shown),
    )
    return "\n\n".join("\n".join(part).strip() for part in parts) + "\n"


def _surprises(rows: Rows, scenarios: Sequence[Scenario]) -> Iterator[str]:
    """Yield what most verifiers get wrong, the worst first, and few of each kind."""
    counted = [(sum(wrong(one, found) for found in rows[one.id].values()), one) for one in scenarios]
    ranked = sorted((pair for pair in counted if pair[0]), key=lambda pair: (-pair[1].severity.rank, -pair[0]))
    taken: dict[str, list[Scenario]] = {}
    for _count, one in ranked:
        taken.setdefault(one.group, []).append(one)
    few = {one.id for members in taken.values() for one in members[:_OF_A_GROUP]}
    chosen = [one for _count, one in ranked if one.id in few][:_SURPRISES]
    yield f"## The {len(chosen)} most surprising"
    yield ""
    for one in chosen:
        row = rows[one.id]
        verb = "refused" if one.expectation is Expectation.ACCEPT else "accepted"
        culprits = [name for name, found in row.items() if wrong(one, found)]
        others = [name for name, found in row.items() if not wrong(one, found) and found is not Finding.UNMET]
        told = f"It is {verb} by {_listed(culprits)}" + (f"; not by {_listed(others)}." if others else ".")
        yield f"* **{one.title}** (`{one.id}`): {one.does} {told}"


def _summary(record: Record, rows: Rows, scenarios: Sequence[Scenario]) -> Iterator[str]:
    yield "## Each verifier"
    yield ""
    yield ("| | version | accepted (insecure) | accepted (against the standard) | refused (good) | not applicable |")
    yield "|---|---|---|---|---|---|"
    good = [one for one in scenarios if one.expectation is Expectation.ACCEPT]
    bad = [one for one in scenarios if one.expectation is Expectation.REJECT]
    grave = [one for one in bad if one.severity is Severity.CRITICAL]
    slight = [one for one in bad if one.severity is not Severity.CRITICAL]
    for name, version in record.versions.items():
        columns = [f"{len(_wrong_ones(name, rows, some))} of {len(some)}" for some in (grave, slight, good)]
        unmet = sum(row.get(name) is Finding.UNMET for row in rows.values())
        yield f"| {name} | {version} | {' | '.join(columns)} | {unmet} |"
    yield ""
    for name in record.versions:
        accepted, refused = (_listed(_wrong_ones(name, rows, some), "`") for some in (grave, good))
        yield f"* {name} accepted (insecure): {accepted}; it refused, although good, {refused}."


def _wrong_ones(verifier: str, rows: Rows, scenarios: Sequence[Scenario]) -> list[str]:
    return [one.id for one in scenarios if wrong(one, rows[one.id].get(verifier, Finding.UNMET))]


def _unanimous(rows: Rows, scenarios: Sequence[Scenario]) -> Iterator[str]:
    bad = [one for one in scenarios if one.expectation is Expectation.REJECT]
    everybody = [one.id for one in bad if not {Finding.ACCEPTED, Finding.UNMET} & {*rows[one.id].values()}]
    good = [one for one in scenarios if one.expectation is Expectation.ACCEPT]
    liked = [one.id for one in good if {*rows[one.id].values()} == {Finding.ACCEPTED}]
    yield f"All of them reject {len(everybody)} of the {len(bad)} that have to be rejected: {_listed(everybody, '`')}."
    yield ""
    yield f"All of them accept {len(liked)} of the {len(good)} that have to be accepted: {_listed(liked, '`')}."
    yield ""


def _second_reasons(record: Record) -> Iterator[str]:
    refused = record.second_reasons
    yield "## Without the fault"
    yield ""
    yield (
        f"Of {len(record.repaired)} faulty chains, the verifiers were given the same without the one fault, too "
        f"(`--repaired`). Nobody rejects {len(record.repaired) - len(refused)} of those: who rejects the faulty one "
        "does so for the fault. The others:"
    )
    yield ""
    yield "| scenario | rejected without its fault by |"
    yield "|---|---|"
    for name, row in refused.items():
        yield f"| `{name}` | {', '.join(f'{verifier} ({_cell_word(found)})' for verifier, found in row.items())} |"
    yield ""


def _table(verifiers: Sequence[str], rows: Rows, scenarios: Sequence[Scenario]) -> Iterator[str]:
    for group, members in groupby(scenarios, key=lambda one: one.group):
        yield f"### {group}"
        yield ""
        yield f"| scenario | a correct client | {' | '.join(verifiers)} |"
        yield f"|---|---|{'---|' * len(verifiers)}"
        for one in members:
            cells = (_cell(one, rows[one.id].get(name)) for name in verifiers)
            yield f"| [`{one.id}`](SCENARIOS.md#{one.id}) | {_verdict(one)} | {' | '.join(cells)} |"
        yield ""


def _verdict(scenario: Scenario) -> str:
    if scenario.expectation is not Expectation.REJECT:
        return f"{scenario.expectation}s" if scenario.expectation is Expectation.ACCEPT else "*either*"
    return f"rejects ({'security' if scenario.severity is Severity.CRITICAL else 'standard'})"


def _cell(scenario: Scenario, found: Finding | None) -> str:
    if found is None:
        return ""
    word = _cell_word(found)
    return f"**{word}**" if wrong(scenario, found) else word


def _cell_word(found: Finding) -> str:
    return {Finding.ACCEPTED: "✓", Finding.UNMET: "·", Finding.OTHER: "rejects"}.get(found, str(found))


def _listed(names: Iterable[str], quote: str = "") -> str:
    return ", ".join(f"{quote}{name}{quote}" for name in names) or "none"
