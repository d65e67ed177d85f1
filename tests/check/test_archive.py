"""The archive of a run: reports come out as they went in, and memory does not grow with them."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.check.archive import Archive
from labserver.report.campaign_json import campaign_json, campaign_json_pieces
from labserver.report.campaign_junit import campaign_junit, campaign_junit_pieces
from labserver.report.document import Told, document_of
from labserver.report.judging import Judging
from labserver.report.standing import Bar
from labserver.services import SERVICES
from tests.catalogue.played import Recorder
from tests.ours import CATALOGUE
from tests.reference.traits import GULLIBLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labserver.report.case import CaseReport

_TOLD = Told(client=('"cases": []', "cases"), judging=Judging(), bar=Bar())
_CASES = ("good@imap", "expired@imap", "starttls-stripped@imap", "response-injection@imap", "dsa-leaf@imap")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Return an empty archive."""
    made = Archive(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def reports() -> list[CaseReport]:
    """Return reports of a client that fails."""
    recorder = Recorder(traits=GULLIBLE, catalogue=CATALOGUE)
    return [recorder.report(CATALOGUE[case.partition("@")[0]], SERVICES["imap"]) for case in _CASES]


@pytest.mark.parametrize("count", [0, 1, len(_CASES)])
def test_kept(archive: Archive, reports: list[CaseReport], count: int) -> None:
    """In any order, reports are equal to those that were added, and so are the documents, octet for octet."""
    chosen = reports[:count]
    cases = [report.id for report in chosen]
    for report in reversed(chosen):
        assert report.id not in archive
        archive.add(report)
        assert report.id in archive
    assert list(archive.reports(cases)) == chosen
    brief = archive.brief(cases)
    assert [report.verdict for report in brief] == [report.verdict for report in chosen]
    text = "".join(campaign_json_pieces(_TOLD, brief, archive.reports(cases)))
    assert text == campaign_json(_TOLD, chosen)
    assert json.loads(text) == document_of(_TOLD, chosen)
    assert sum(line.startswith('  {"case": ') for line in text.splitlines()) == count
    junit = b"".join(campaign_junit_pieces(_TOLD.client, brief, archive.reports(cases), _TOLD.bar))
    assert junit == campaign_junit(_TOLD.client, chosen)


def test_memory(archive: Archive, reports: list[CaseReport]) -> None:
    """A report that is kept takes a fiftieth of what its transcript and output take."""
    large = reports[1]
    assert large.client is not None
    output = "x" * 50_000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(200):
        client = replace(large.client, output=output + str(number))
        archive.add(replace(large, client=client, subject=replace(large.subject, id=f"one-{number}")))
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert held < 200 * len(output) / 10
    assert sum(1 for _ in archive.reports(f"one-{number}@imap" for number in range(200))) == 200
