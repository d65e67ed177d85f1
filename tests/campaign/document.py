"""docs/CAMPAIGN.md: when real clients met the whole catalogue, which, and that the lab held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

__all__ = ["DOCUMENT", "Row", "document"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "CAMPAIGN.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one client met."""

    client: str
    version: str
    services: tuple[str, ...]
    cases: int


def document(rows: Sequence[Row], absent: Sequence[str], verdicts: Mapping[str, int], faults: int, day: dt.date) -> str:
    """Return the document."""
    total = sum(row.cases for row in rows)
    lines = [
        "# Real clients over the whole catalogue",
        "",
        "Made by `python -m tests.campaign FOLDER --write` from a run of `labserver check`; do not edit it here.",
        "",
        f"On {day.isoformat()} these mail clients met every entry of the catalogue on the services that they speak:",
        f"{total:,} cases. {_result(faults)} Clients that start slowly met certificates on one service only.",
        "",
        "What each client did wrong is not told here: the client's authors hear of it first. All of them together:",
        f"{', '.join(f'{count:,} {verdict}' for verdict, count in sorted(verdicts.items()))}.",
        "",
        "| client | version | services | cases |",
        "|---|---|---|---|",
        *(f"| {row.client} | {row.version} | {', '.join(row.services)} | {row.cases:,} |" for row in rows),
    ]
    if absent:
        lines += ["", f"Not installed there: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def _result(faults: int) -> str:
    if faults:
        return f"**{faults:,} times the lab was at fault.**"
    return "The lab did not hang, had no exception, and every FAIL and WARN is proved by a line of its transcript."
