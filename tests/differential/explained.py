"""Where the lab and Dovecot differ on purpose, each with its reason: ``explained.txt`` as a table.

An entry says how the lab's part of the difference begins, so that an explained step cannot come to differ in another
way unnoticed. An entry that explains nothing fails the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.differential.compare import Difference

__all__ = ["EXPLAINED", "Explained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One step that may differ."""

    script: str
    command: str
    beginning: str
    """How the lines begin that only the lab has, joined by a bar; empty where it has none."""
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Whether this step differs as it may."""
        ours = " | ".join(difference.lab)
        return ours.startswith(self.beginning) and bool(ours) == bool(self.beginning)


def _read(path: Path) -> Iterator[Explained]:
    for part in re.split(r"(?m)^= ", path.read_text(encoding="utf-8"))[1:]:
        first, *lines = part.splitlines()
        reason = " ".join([first, *(line.strip() for line in lines if line.startswith("  "))])
        for line in lines:
            if not line or line.startswith("  "):
                continue
            step = re.fullmatch(r"(.+?) / (.+) ->(?: (.*))?", line)
            assert step, f"not a line of {path.name}: {line!r}"
            yield Explained(script=step[1], command=step[2], beginning=step[3] or "", reason=reason)


EXPLAINED = {(entry.script, entry.command): entry for entry in _read(Path(__file__).with_suffix(".txt"))}
"""Every accepted difference by script and command."""
