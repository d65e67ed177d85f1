"""Every report that the tests make keeps to its schema, and is the same, octet for octet, when it is judged again."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from labserver.report.campaign_json import campaign_json
from labserver.report.campaign_schema import campaign_schema
from labserver.report.document import read_document

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checked_again", "checked_text"]


def checked_again(path: Path) -> str:
    """Return the text of a report, having checked it."""
    return checked_text(path.read_text(encoding="utf-8"))


def checked_text(text: str) -> str:
    """Return the text of a report, having checked it."""
    document = json.loads(text)
    errors = [f"{error.json_path}: {error.message[:300]}" for error in _validator().iter_errors(document)]
    assert not errors, errors[:3]
    assert campaign_json(*read_document(document)) == text
    return text


@cache
def _validator() -> Draft202012Validator:
    schema = campaign_schema(closed=True)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
