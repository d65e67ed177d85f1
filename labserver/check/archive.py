"""Reports of a run that goes on, kept in a file without a name: a long run takes no more memory than a short one.

In memory stays of each what sums and exit codes need: its verdict, without what happened.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.private_files import open_nameless
from labserver.verdicts.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from labserver.report.case import CaseReport

__all__ = ["Archive"]

_NOTHING = Trace(sessions=())


class Archive:
    """The reports by their cases."""

    def __init__(self, folder: Path) -> None:
        """Make the file, in ``folder``; raises OSError."""
        self._file = os.fdopen(open_nameless(folder), "w+b")
        self._places: dict[str, tuple[int, int]] = {}
        self._brief: dict[str, CaseReport] = {}

    def __contains__(self, case: str) -> bool:
        return case in self._places

    def add(self, report: CaseReport) -> None:
        """Keep a report; the one of the known-good server that many share stays in memory."""
        packed = pickle.dumps(replace(report, good=None))
        self._places[report.id] = self._file.seek(0, os.SEEK_END), len(packed)
        self._file.write(packed)
        client = None if report.client is None else replace(report.client, output="")
        self._brief[report.id] = replace(report, trace=_NOTHING, runs=(), verdicts=(), control=None, client=client)

    def brief(self, cases: Iterable[str]) -> list[CaseReport]:
        """Return reports without what happened: their traces and runs are empty."""
        return [self._brief[case] for case in cases]

    def reports(self, cases: Iterable[str]) -> Iterator[CaseReport]:
        """Yield whole reports, one after the other from the file."""
        for case in cases:
            place, length = self._places[case]
            self._file.seek(place)
            report: CaseReport = pickle.loads(self._file.read(length))  # noqa: S301 -- nobody else can write there
            yield replace(report, good=self._brief[case].good)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
