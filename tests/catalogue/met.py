"""Has the reference clients meet an entry of the catalogue, and says what is wrong with it.

``python -m tests.catalogue.met ID…`` (``./lab test --entry ID``) does so for entries by their ids, in about a second
each; ``--said`` shows what was said, too. Everything is in memory (:mod:`tests.catalogue.played`).

An entry breaks the build if it expects rejection and no client can fail it, if a client that is right in every respect
cannot pass it, if its misbehaviour reaches nobody, if the lab itself fails in it, or if it changes what somebody else
in the same lab is told.
"""

from __future__ import annotations

import difflib
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from labserver import events
from labserver.report.campaign_text import case_lines
from labserver.report.case import transcript_lines
from labserver.scenario import Expectation, Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import CONTROL
from tests.catalogue.played import BYSTANDER, USER, Recorder, lab_of_its_own, spoken
from tests.ours import CATALOGUE
from tests.pki.judges import OPENSSL_ACCEPTS
from tests.reference.in_memory import InMemory
from tests.reference.steps import Receive, Send
from tests.reference.traits import ANTIQUE, CLIENTS, DILIGENT, IMPATIENT, MISTAKEN, RECKLESS, STRICT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from labserver.catalogue.catalogue import Catalogue
    from labserver.check.case_run import Run
    from labserver.lab import Lab
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service
    from tests.reference.in_memory import MemoryClock, Said
    from tests.reference.steps import Step
    from tests.reference.traits import Traits

__all__ = ["Met", "difference_to_others", "main", "meet", "objections", "told_to_others"]

_RIGHT = (STRICT, DILIGENT, MISTAKEN)
"""Those that do nothing wrong; the last is asked only where the others do not meet the fault."""
_UNDECIDED = frozenset({Outcome.INCONCLUSIVE, Outcome.NOT_OFFERED})
_UNREACHED = "the fault never reached the client"
_WORDS_BEFORE = 4
"""What the bystander says before it is interrupted: it has logged in by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What the clients make of an entry."""

    scenario: Scenario
    reports: dict[tuple[str, str], CaseReport] = field(default_factory=dict)
    """By service and client."""
    said: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """By service and client: what was said, line by line."""
    disturbed: dict[str, str] = field(default_factory=dict)
    """By service: what a bystander was told that it would not have been told otherwise."""

    def on(self, service: str) -> dict[str, CaseReport]:
        """Return the reports of a service by client."""
        return {client: report for (name, client), report in self.reports.items() if name == service}

    def told(self, service: str) -> frozenset[str]:
        """Return what has reached a client on a service: kinds of misbehaviour."""
        return frozenset(
            event.facet
            for report in self.on(service).values()
            for session in report.trace.sessions
            for event in session.events
            if isinstance(event, events.Misbehaved)
        )

    @property
    def kinds(self) -> frozenset[str]:
        """What has reached a client on any service."""
        return frozenset(kind for service in self.scenario.services for kind in self.told(service))


def meet(scenario: Scenario, catalogue: Catalogue = CATALOGUE, services: Sequence[str] = ()) -> Met:
    """Have the clients meet an entry on its services, or on some."""
    met = Met(scenario=scenario)
    good: dict[str, Run] = {}
    for name in services or scenario.services:
        service = SERVICES[name]
        for traits in CLIENTS:
            if not _is_asked_for(traits, met, name):
                continue
            recorder = Recorder(traits=traits, catalogue=catalogue, good={} if scenario.id == CONTROL else good)
            met.reports[name, traits.name] = recorder.report(scenario, service)
            met.said[name, traits.name] = recorder.taken.get((scenario.id, name, False), [])
        first = next(one for one in scenario.services if SERVICES[one].protocol is service.protocol)
        if (
            name in {first, *services}
            and scenario.id != CONTROL
            and (changed := told_to_others(scenario, service, catalogue))
        ):
            met.disturbed[name] = changed
    return met


def _is_asked_for(traits: Traits, met: Met, service: str) -> bool:
    """Return whether a client can tell something that those before it have not told."""
    if traits is IMPATIENT:  # it can only be wrong where it should have waited
        return met.scenario.expectation is not Expectation.REJECT
    if traits is ANTIQUE and met.scenario.chain.presents:
        return next(_harmless(met.scenario, service, met.on(service)), None) is not None
    if traits in (ANTIQUE, MISTAKEN):  # they meet what lies in TLS that others do not speak, and in wrong credentials
        return not met.told(service) and not met.scenario.honest
    return True


def objections(met: Met) -> list[str]:
    """Return what is wrong with an entry, a sentence each; nothing if it may stay."""
    found = []
    for name in dict.fromkeys(service for service, _ in met.reports):
        reports = met.on(name)
        outcomes = {report.verdict.outcome for report in reports.values()}
        if outcomes == {Outcome.NOT_APPLICABLE}:
            continue  # this host cannot serve it, and says why
        found += [
            *_unreached(met, name),
            *_unjust(met.scenario, name, reports),
            *_harmless(met.scenario, name, reports),
        ]
        found += [
            f"{name}, {client}: the lab failed: {event.description}"
            for client, report in reports.items()
            for session in report.trace.sessions
            for event in session.events
            if isinstance(event, events.InternalFault)
        ]
    found += [f"{name}: it changes what somebody else is told:\n{changed}" for name, changed in met.disturbed.items()]
    return found


def _unreached(met: Met, name: str) -> Iterator[str]:
    """Object to what reaches nobody."""
    scenario, told = met.scenario, met.told(name)
    if scenario.honest:
        return
    if not told:
        yield f"{name}: its misbehaviour reaches no reference client"
        return
    for kind in dict.fromkeys(link.kind for link in scenario.chain.links if not link.instrument):
        if kind not in told:
            yield f"{name}: its {kind} reaches no reference client"


def _unjust(scenario: Scenario, name: str, reports: dict[str, CaseReport]) -> Iterator[str]:
    """Object to what a client that is right in every respect does not pass; it may have too little to do to meet it."""
    known = scenario.id in OPENSSL_ACCEPTS
    right = [traits for traits in _RIGHT if traits.name in reports]
    for traits in right:
        verdict = reports[traits.name].verdict
        unmet = verdict.outcome is Outcome.NOT_OFFERED or (
            verdict.outcome is Outcome.INCONCLUSIVE and verdict.reason.startswith(_UNREACHED)
        )
        met_by_the_other = any(reports[other.name].verdict.outcome is Outcome.PASS for other in right)
        in_handshake = not scenario.usual_certificate or scenario.asked
        if verdict.outcome is Outcome.PASS or known or (unmet and (met_by_the_other or in_handshake)):
            continue
        what = verdict.reason or "; ".join(f"it {finding.what}" for finding in verdict.findings)
        yield f"{name}: the {traits.name} client does not pass: {verdict.outcome}, {what}"


def _harmless(scenario: Scenario, name: str, reports: dict[str, CaseReport]) -> Iterator[str]:
    """Object to what has to be rejected, or has a rule of its own, and is failed by nobody."""
    demanding = scenario.expectation is Expectation.REJECT or (
        scenario.rules and scenario.severity is not Severity.NONE
    )
    if not demanding or all(report.verdict.outcome in _UNDECIDED for report in reports.values()):
        return
    broken = {
        finding.rule
        for report in reports.values()
        for finding in report.verdict.findings
        if report.verdict.outcome is Outcome.FAIL and finding.outcome is Outcome.FAIL
    }
    if not broken:
        yield f"{name}: no reference client fails it, though it has to be rejected"
    elif scenario.rules and not broken & set(scenario.rules):
        yield f"{name}: no reference client fails it by a rule of its own ({', '.join(scenario.rules)})"


# Somebody else in the same lab


def told_to_others(scenario: Scenario, service: Service, catalogue: Catalogue = CATALOGUE) -> str:
    """Return what a bystander at the known-good server is told that differs because an entry is met meanwhile."""

    def intrude(lab: Lab, clock: MemoryClock) -> None:
        user = lab.directory.users[USER.name]
        runner = InMemory(lab=lab, clock=clock, traits=RECKLESS, user=user, seconds=5.0)
        _finished(runner.run(scenario, service, default_policy(service)))

    return difference_to_others(service, catalogue, intrude)


def difference_to_others(service: Service, catalogue: Catalogue, intrude: Callable[[Lab, MemoryClock], None]) -> str:
    """Return what a bystander is told that differs because of what ``intrude`` does in the middle of its session."""
    alone, beside = _alone(service), _overheard(service, catalogue, intrude)
    changed = difflib.unified_diff(alone, beside, "alone", "beside it", lineterm="", n=1)
    return "\n".join(changed)


@cache
def _alone(service: Service) -> list[str]:
    return _overheard(service, CATALOGUE, lambda _lab, _clock: None)


def _overheard(service: Service, catalogue: Catalogue, intrude: Callable[[Lab, MemoryClock], None]) -> list[str]:
    """Return what is said in the bystander's session, in the middle of which ``intrude`` acts."""
    notes: list[tuple[Said, bytes]] = []
    traits = replace(DILIGENT, prefers=("PLAIN",), patience=None)  # without a nonce, and however long the other takes
    with tempfile.TemporaryDirectory() as folder:
        lab, clock = lab_of_its_own(folder, catalogue, today=True)
        runner = InMemory(
            lab=lab,
            clock=clock,
            traits=traits,
            user=lab.directory.users[BYSTANDER.name],
            seconds=1e6,
            note=lambda said, data: notes.append((said, data)),
            around=lambda steps: _interrupted(steps, lambda: intrude(lab, clock)),
        )
        _finished(runner.run(catalogue[CONTROL], service, default_policy(service)))
        lab.release()
    return list(spoken(notes))


def _interrupted(steps: Generator[Step, bytes, None], intrude: Callable[[], None]) -> Generator[Step, bytes, None]:
    """Yield a client's steps; do something else where it waits for the answer to one of its words."""
    said = 0
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Receive) and said == _WORDS_BEFORE:
            intrude()
            said += 1
        said += isinstance(step, Send)
        try:
            answer = yield step
            step = steps.send(answer)
        except StopIteration:
            return


def _finished(running: object) -> None:
    """Run what never really waits to its end: everything is in memory."""
    try:
        running.send(None)  # type: ignore[attr-defined]  # a coroutine
    except StopIteration:
        return
    raise AssertionError("it waits")


# As a program


def main(words: Sequence[str]) -> int:
    """Meet the entries named, tell about each; return the exit status."""
    said, names = "--said" in words, [word for word in words if word != "--said"]
    if unknown := [name for name in names if name not in CATALOGUE]:
        _say(f"--entry: {CATALOGUE.unknown(unknown[0])}")
        return 2
    if not names:
        _say("--entry: no id given; labserver scenarios lists them")
        return 2
    failed = False
    for name in names:
        began = time.process_time()
        met = meet(CATALOGUE[name])
        found = objections(met)
        failed = failed or bool(found)
        for line in _table(met):
            _say(line)
        if said or found:
            _tell(met)
        for objection in found:
            _say(f"{name}: {objection}")
        _say(f"{name}: {'NOT RIGHT' if found else 'ok'}, {time.process_time() - began:.1f} s")
    return 1 if failed else 0


def _table(met: Met) -> Iterator[str]:
    clients = [traits.name for traits in CLIENTS]
    yield f"{met.scenario.id}: {met.scenario.title}. {met.scenario.does}"
    yield f"  {'':<12}{''.join(f'{client:<14}' for client in clients)}what reached them"
    for name in dict.fromkeys(service for service, _ in met.reports):
        reports = met.on(name)
        cells = [str(reports[client].verdict.outcome) if client in reports else "-" for client in clients]
        yield f"  {name:<12}{''.join(f'{cell:<14}' for cell in cells)}{', '.join(sorted(met.told(name)))}"


def _tell(met: Met) -> None:
    for (_, client), report in met.reports.items():
        _say(f"--- {client}")
        for line in (*case_lines(report), *transcript_lines(report)):
            _say(line)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
