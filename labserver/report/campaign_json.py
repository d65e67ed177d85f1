"""A campaign for programs: one JSON document, whose schema ``labserver judge --schema`` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labserver.report.document import document_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.report.case import CaseReport
    from labserver.report.document import Told

__all__ = ["campaign_json"]


def campaign_json(told: Told, reports: Sequence[CaseReport]) -> str:
    """Return the document's text."""
    return json.dumps(document_of(told, reports), indent=1, ensure_ascii=False) + "\n"
