"""A campaign: each client meets every entry of the catalogue on the services that it speaks, and the lab is watched.

Nobody says here what a client should have done: the rules do, and clients' authors hear of failures first. What is
asked is whether the lab holds: no exception in it, no case without an end, and no verdict without its evidence.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from labserver.verdicts.finding import Outcome
from tests.campaign.clients import PATIENCE, Client
from tests.ours import CATALOGUE, from_recipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Part", "faults", "parts", "run", "tally"]

_ENDED_AFTER = PATIENCE + 2
"""Seconds after which a client that does not end by itself is ended."""
_HUNG = _ENDED_AFTER + 60
"""Seconds of one case, of which the lab must have had most."""
_MOST = 1800
"""Seconds of one part, after which it is given up."""
_SIGNS = ("internal error in session", "Traceback", "THE LAB FAILED")
"""What a lab prints, or a transcript has, where the lab itself is at fault."""
_UNDECIDED = {"INCONCLUSIVE", "NOT-OFFERED", "NOT-APPLICABLE"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Part of what a client meets; its report is kept, so that a campaign can go on where it was interrupted."""

    name: str
    client: Client
    scenarios: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of the file of its report."""
        return f"{self.name.replace(', ', '-').lower()}.json"


def parts(name: str, client: Client, chosen: Sequence[str]) -> Iterator[Part]:
    """Yield the parts for a client: certificates, and everything else; of the entries that are ``chosen``."""
    recipes = from_recipes()
    for what, ids, services in (
        ("certificates", [one for one in chosen if one in recipes], client.services[:1] if client.slow else ()),
        ("dialogues", [one for one in chosen if one not in recipes], ()),
    ):
        met = services or client.services
        some = tuple(one for one in ids if set(met) & set(CATALOGUE[one].services))
        if some:
            yield Part(name=f"{name}, {what}", client=client, scenarios=some, services=met)


def run(part: Part, folder: Path) -> dict[str, Any]:
    """Run a part, unless its report is there already; return the report, with what the lab said of itself."""
    path = folder / part.file
    if not path.exists():
        draft = path.with_suffix(".draft")
        choice = [f"--{key}={one}" for key, values in _chosen(part) for one in values]
        words = [sys.executable, "-m", "labserver", "check", *choice, f"--patience={_ENDED_AFTER}"]
        words += [f"--json={draft}", "--isolated", *(["--pty"] if part.client.terminal else []), "--"]
        done = subprocess.run(
            [*words, *part.client.words], capture_output=True, text=True, errors="replace", timeout=_MOST, check=False
        )
        if not draft.exists():
            raise RuntimeError(f"{part.name}: there is no report: {done.stderr}")
        report = json.loads(draft.read_text(encoding="utf-8"))
        report["lab"] = {"code": done.returncode, "said": done.stderr}
        path.write_text(json.dumps(report), encoding="utf-8")
        draft.unlink()
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _chosen(part: Part) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("scenario", part.scenarios), ("service", part.services)


def faults(part: Part, report: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the lab, or with its verdicts, a sentence each."""
    lab = report["lab"]
    if lab["code"] not in {0, 1, 3}:
        yield f"{part.name}: check ended with {lab['code']}"
    yield from (f"{part.name}: the lab says {sign!r}" for sign in _SIGNS if sign in lab["said"])
    cases = {case["case"]: case for case in report["cases"]}
    wanted = {
        f"{identifier}@{service}"
        for identifier, service in product(part.scenarios, part.services)
        if service in CATALOGUE[identifier].services
    }
    yield from (f"{part.name}: {case} is not in the report" for case in sorted(wanted - cases.keys()))
    for name, case in cases.items():
        yield from (f"{part.name}: {name}: {what}" for what in _faults(case))


def _faults(case: dict[str, Any]) -> Iterator[str]:
    text = "\n".join(case["transcript"])
    yield from (f"its transcript says {sign!r}" for sign in _SIGNS if sign in text)
    if case["seconds"] > _HUNG:
        yield f"it took {case['seconds']} seconds"
    verdict, findings = case["verdict"], case["findings"]
    if verdict not in set(Outcome):
        yield f"{verdict} is no verdict"
    if verdict in _UNDECIDED and not case["reason"]:
        yield f"{verdict} without a reason"
    decisive = [finding for finding in findings if finding["outcome"] == verdict]
    if verdict in {"FAIL", "WARN"} and not decisive:
        yield f"{verdict} without a finding"
    for finding in decisive:
        evidence = finding["evidence"]
        if evidence is None or evidence["line"] not in case["transcript"]:
            yield f"{finding['rule']}: its evidence is not in the transcript"


@dataclass(slots=True)
class Sum:
    """What a client met."""

    cases: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


def tally(reports: Sequence[dict[str, Any]]) -> Sum:
    """Return how many cases there were, and how often each verdict."""
    total = Sum()
    for report in reports:
        total.cases += len(report["cases"])
        total.verdicts.update(case["verdict"] for case in report["cases"])
    return total
