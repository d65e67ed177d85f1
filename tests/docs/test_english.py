"""Plain English: phrases that readers stumbled over stay out of what users read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_STUMBLED = (
    "CA made for the occasion",
    "Every word but",
    "To be trusted:",
    "To get it wrong is",
    "Who trusts such a CA",
    "a farewell |",
    "accepts, against security",
    "did not get to judge",
    "does as it likes",
    "from the first octet",
    "gets-through: it neither",
    "is no port",
    "is no ready file",
    "is no transcript",
    "lets nobody have a hosts file",
    "let this shell's programs",
    "makes no sense on",
    "no parser gets through",
    "no whole number above 0",
    "passwords are published: do not",
    "run what?",
    "something could not be judged",
    "tells every word that was said",
    "the lie in bytes",
    "there is no such one;",
    "wrong in known ways",
)
"""Each with a plainer way to say it, which is what is there now."""
_READ = (
    *("README.md", "compose/README.md", "docs/CI.md", "docs/SCENARIOS.md", "docs/VERIFIERS.md"),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "labserver" / "cli").glob("*.py"))),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "labserver" / "report").glob("*.py"))),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "labserver" / "verdicts").glob("*.py"))),
    "labserver/check/naming.py",
    "labserver/servers/leases.py",
    "labserver/services.py",
)


def _found(text: str) -> list[str]:
    plain = re.sub(r"\s+", " ", text)
    return [phrase for phrase in _STUMBLED if phrase in plain]


@pytest.mark.parametrize("name", _READ)
def test_plain_words(name: str) -> None:
    """What users read has none of the phrases that made a first reader stop."""
    assert _found((ROOT / name).read_text(encoding="utf-8")) == []


def test_phrases_are_found_across_lines(tmp_path: Path) -> None:
    """A phrase is found wherever lines break."""
    (tmp_path / "x.md").write_text("It is signed by a CA\n  made for the occasion.")
    assert _found((tmp_path / "x.md").read_text()) == ["CA made for the occasion"]
