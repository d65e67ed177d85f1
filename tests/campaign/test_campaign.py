"""Real clients over the whole catalogue, which is long; and that a campaign sees when the lab is at fault."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.campaign.clients import CLIENTS, installed
from tests.campaign.running import faults, parts, run, tally
from tests.clients.sandbox import missing
from tests.ours import CATALOGUE, from_recipes

if TYPE_CHECKING:
    from pathlib import Path

LINE = "   1    0.0001 C: NOOP"
PASSED = {
    "case": "good@imaps",
    "verdict": "PASS",
    "reason": "",
    "findings": [],
    "seconds": 0.1,
    "transcript": [LINE],
}
FINDING = {"rule": "stops-there", "outcome": "FAIL", "evidence": {"line": LINE}}
FAILED = PASSED | {"verdict": "FAIL", "findings": [FINDING]}


def _report(case: dict[str, Any], **lab: object) -> dict[str, Any]:
    return {"lab": {"code": 0, "said": ""} | lab, "cases": [case]}


@pytest.mark.campaign
@pytest.mark.client
@pytest.mark.parametrize("name", CLIENTS)
def test_whole_catalogue(name: str, tmp_path: Path) -> None:
    """The lab neither hangs nor has an exception, and every FAIL and WARN is proved by a line of its transcript."""
    client = CLIENTS[name]
    if not installed(client):
        missing(client.program)
    for part in parts(name, client, list(CATALOGUE)):
        assert list(faults(part, run(part, tmp_path))) == []


@pytest.mark.client
def test_some_entries(tmp_path: Path) -> None:
    """The same with a few entries and one client; what has been run is not run again."""
    client = replace(CLIENTS["curl, reading"], services=("imaps", "imap"))
    if not installed(client):
        missing(client.program)
    for _ in range(2):
        reports = []
        for part in parts("curl", client, ["expired", "starttls-refused"]):
            reports.append(run(part, tmp_path))
            assert list(faults(part, reports[-1])) == []
        assert tally(reports).cases == 3
        times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        assert times == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(times) == 2


def test_parts() -> None:
    """Every client meets every entry that is on a service of its own; a slow one meets certificates on one."""
    for name, client in CLIENTS.items():
        met = list(parts(name, client, list(CATALOGUE)))
        assert {one for part in met for one in part.scenarios} == {
            one for one in CATALOGUE if set(client.services) & set(CATALOGUE[one].services)
        }
        certificates = next(part for part in met if set(part.scenarios) <= from_recipes().keys())
        assert certificates.services == (client.services[:1] if client.slow else client.services)


@pytest.mark.parametrize("case", [PASSED, FAILED, PASSED | {"verdict": "INCONCLUSIVE", "reason": "it never came"}])
def test_no_fault(case: dict[str, Any]) -> None:
    """A client may fail; that is not the lab's fault."""
    part = next(parts("x", replace(CLIENTS["mbsync"], services=("imaps",)), ["good"]))
    assert list(faults(part, _report(case, code=1))) == []


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (_report(PASSED, code=2), "x, dialogues: check ended with 2"),
        (_report(PASSED, said="internal error in session 3"), "x, dialogues: the lab says 'internal error in session'"),
        (_report(PASSED | {"case": "good@imap"}), "x, dialogues: good@imaps is not in the report"),
        (
            _report(PASSED | {"transcript": ["-- THE LAB FAILED (please report this): no"]}),
            "x, dialogues: good@imaps: its transcript says 'THE LAB FAILED'",
        ),
        (_report(PASSED | {"seconds": 100.0}), "x, dialogues: good@imaps: it took 100.0 seconds"),
        (_report(PASSED | {"verdict": "MAYBE"}), "x, dialogues: good@imaps: MAYBE is no verdict"),
        (_report(PASSED | {"verdict": "INCONCLUSIVE"}), "x, dialogues: good@imaps: INCONCLUSIVE without a reason"),
        (_report(FAILED | {"findings": []}), "x, dialogues: good@imaps: FAIL without a finding"),
        (
            _report(FAILED | {"transcript": []}),
            "x, dialogues: good@imaps: stops-there: its evidence is not in the transcript",
        ),
    ],
)
def test_faults(report: dict[str, Any], said: str) -> None:
    """Whatever is wrong with the lab, or cannot be seen from a report, is told."""
    part = next(parts("x", replace(CLIENTS["mbsync"], services=("imaps",)), ["good"]))
    assert said in list(faults(part, report))
