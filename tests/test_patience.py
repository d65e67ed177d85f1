"""Waiting that depends on how busy the machine is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import patience

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("running", "recently", "expected"),
    [(1, 0.5, 3.0), (2, 2.0, 3.0), (22, 1.0, 33.0), (1, 20.0, 30.0)],
    ids=["idle", "busy", "since a moment ago", "in the last minute"],
)
def test_unhurried(
    running: int, recently: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is given in proportion to those who want the two processors, and never less than on an idle machine."""
    (tmp_path / "stat").write_text(f"cpu  1 2 3\nprocs_running {running}\nprocs_blocked 0\n")
    monkeypatch.setattr(patience, "_SYSTEM", tmp_path / "stat")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (recently, 0.0, 0.0))
    assert patience.unhurried(3) == expected


def test_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not tell who is running, the last minute decides."""
    monkeypatch.setattr(patience, "_SYSTEM", tmp_path / "none")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0, 0.0, 0.0))
    assert patience.unhurried(0.5) == 2.0


def test_eventually() -> None:
    """What comes later is waited for; what is there at once is returned at once, and what never comes ends the wait."""
    seen = iter(range(100))
    assert patience.eventually(lambda: next(seen), lambda number: number == 3) == 3
    assert patience.eventually(lambda: "there") == "there"


def test_what_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience ends, what was seen last is returned for the test to judge."""
    monkeypatch.setattr(patience, "PATIENCE", 0.02)
    assert patience.eventually(list) == []
