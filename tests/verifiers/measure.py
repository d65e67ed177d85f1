"""Has verifiers judge scenarios, in a process of its own for each lab; what fails is told and does not end the rest."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tests.verifiers.case import Answer, Outcome
from tests.verifiers.findings import Finding, finding
from tests.verifiers.served import meet, repair_everything
from tests.verifiers.table import VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.verifiers.case import Case, Verifier

__all__ = ["Measured", "judged", "measure"]

_AT_ONCE = 3
"""Verifiers; most of what they do is waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one verifier makes of one scenario."""

    scenario: str
    verifier: str
    finding: Finding
    words: str


def measure(scenarios: Sequence[str], verifiers: Sequence[str], *, repaired: bool = False) -> list[Measured]:
    """Return what the verifiers with these names, all of them installed, make of scenarios, or of their repaired form.

    A verifier that cannot be run at all has no results.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, scenarios, verifiers, repaired=repaired).result()


def _measured(scenarios: Sequence[str], verifiers: Sequence[str], *, repaired: bool) -> list[Measured]:
    if repaired:
        repair_everything()
    measured: list[Measured] = []
    chosen = [VERIFIERS[name] for name in verifiers]
    with tempfile.TemporaryDirectory(prefix="labserver-verifiers-") as name:
        folder = Path(name)

        def judge(cases: Sequence[Case]) -> None:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for results in pool.map(partial(judged, cases=cases, folder=folder), chosen):
                    measured.extend(results)

        absent = meet(scenarios, folder, judge)
    for verifier in chosen:
        answers = (Answer(case=one, outcome=Outcome.UNMET, words=reason) for one, reason in absent.items())
        measured += [_found(verifier, answer) for answer in answers]
    return measured


def judged(verifier: Verifier, *, cases: Sequence[Case], folder: Path) -> list[Measured]:
    """Return what one verifier makes of cases; nothing, which is told, if it breaks."""
    own = folder / verifier.name
    own.mkdir()
    try:
        met = [case for case in cases if not case.asked or case.asked in verifier.asks]
        unmet = partial(Answer, outcome=Outcome.UNMET, words="it does not ask")
        answers = {case.id: unmet(case=case.id) for case in cases}
        answers |= {answer.case: answer for answer in verifier.judge(met, own)}
        again = [case for case in met if answers[case.id].outcome is Outcome.UNMET]  # perhaps the machine was busy
        answers |= {answer.case: answer for answer in verifier.judge(again, own)} if again else {}
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with one, the others are not to suffer
        sys.stderr.write(f"{verifier.name} could not be run: {error!r}\n")
        return []
    return [_found(verifier, answer) for answer in answers.values()]


def _found(verifier: Verifier, answer: Answer) -> Measured:
    return Measured(
        scenario=answer.case,
        verifier=verifier.name,
        finding=finding(answer, verifier.reasons),
        words=answer.words,
    )
