"""Claims about what is kept: new findings replace old ones, row by row, and a file is as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.verifiers.findings import Finding
from tests.verifiers.measure import Measured
from tests.verifiers.record import Record, read, written

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = Record(
    versions={"b": "B 1", "a": "A 1"},
    scenarios={"two": {"b": Finding.NAME, "a": Finding.NAME}, "one": {"a": Finding.ACCEPTED}},
    repaired={"two": {"b": Finding.ISSUER}},
)


def _measured(scenario: str, verifier: str, found: Finding) -> Measured:
    return Measured(scenario=scenario, verifier=verifier, finding=found, words="")


def test_with_findings() -> None:
    """What was not measured again stays; a repaired chain that is accepted by now is no exception any more."""
    after = _KEPT.with_findings(
        {"a": "A 2"}, [_measured("two", "a", Finding.ACCEPTED)], [_measured("two", "b", Finding.ACCEPTED)]
    )
    assert after.versions == {"b": "B 1", "a": "A 2"}
    assert after.scenarios == {"two": {"b": Finding.NAME, "a": Finding.ACCEPTED}, "one": {"a": Finding.ACCEPTED}}
    assert after.repaired == {"two": {}}
    assert _KEPT.repaired == {"two": {"b": Finding.ISSUER}}


def test_second_reasons() -> None:
    """Who rejects a repaired chain has another reason; who cannot meet it has none."""
    repaired = {"one": {"a": Finding.UNMET, "b": Finding.NAME}, "two": {"a": Finding.UNMET}, "three": {}}
    assert Record(repaired=repaired).second_reasons == {"one": {"b": Finding.NAME}}


def test_arranged() -> None:
    """Order is that of the catalogue, and what has gone from there goes."""
    arranged = _KEPT.arranged(["a", "b"], ["one", "two"], [])
    assert list(arranged.versions) == ["a", "b"]
    assert list(arranged.scenarios) == ["one", "two"]
    assert list(arranged.scenarios["two"]) == ["a", "b"]
    assert arranged.repaired == {}
    assert list(_KEPT.arranged(["a"], ["two"], ["two"]).scenarios) == ["two"]


def test_file(tmp_path: Path) -> None:
    """A file has a line for each scenario, and is read as it was written; none is an empty one."""
    path = tmp_path / "verifiers.json"
    assert read(path) == Record()
    path.write_text(written(_KEPT), encoding="utf-8")
    assert read(path) == _KEPT
    assert '"two": {"b":"name","a":"name"},\n"one": {"a":"accepted"}\n' in path.read_text(encoding="utf-8")
