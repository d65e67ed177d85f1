"""A campaign for programs: one JSON document, whose schema ``labserver judge --schema`` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labserver.report.document import case_record, document_without_cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.report.case import CaseReport
    from labserver.report.document import Told

__all__ = ["campaign_json", "campaign_json_pieces"]

_CASES = '"cases": '
_NONE = f"{_CASES}[]"


def campaign_json(told: Told, reports: Sequence[CaseReport]) -> str:
    """Return the document's text."""
    return "".join(campaign_json_pieces(told, reports, reports))


def campaign_json_pieces(told: Told, brief: Sequence[CaseReport], whole: Iterable[CaseReport]) -> Iterator[str]:
    """Yield the document's text case by case; ``brief`` are the reports of ``whole``, which may lack their traces.

    A case is a line: written over many, it takes ten times as long, because only json's encoder in Python indents.
    """
    around = json.dumps(document_without_cases(told, brief), indent=1, ensure_ascii=False)
    head, tail = around.rsplit(_NONE, 1)  # it is the last key
    yield head
    number = 0
    for number, report in enumerate(whole, start=1):
        yield f"{_CASES}[\n  " if number == 1 else ",\n  "
        yield json.dumps(case_record(report, told.bar), ensure_ascii=False)
    yield f"\n ]{tail}\n" if number else f"{_NONE}{tail}\n"
