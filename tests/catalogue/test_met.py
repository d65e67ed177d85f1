"""Every entry is met: no entry that cannot be passed, cannot be failed, reaches nobody or disturbs others may stay."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.mailstore.message import Draft
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.notation import read_misbehaviours
from labserver.misbehaviours.table import KINDS
from labserver.scenario import Expectation, Scenario, Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from tests.catalogue.differences import differences, kept, path_of
from tests.catalogue.kinds_alone import alone, met_alone
from tests.catalogue.met import Met, difference_to_others, main, meet, objections
from tests.catalogue.played import BYSTANDER
from tests.catalogue.recorded import DIALOGUES
from tests.catalogue.reference_table import EXAMPLE, rows_kept, rows_of
from tests.ours import CATALOGUE, catalogue_with, written
from tests.reference.traits import DILIGENT, STRICT

if TYPE_CHECKING:
    from labserver.lab import Lab
    from tests.reference.in_memory import MemoryClock

CANNOT_BE_FAILED = {
    "login-accepted": "whoever sends a wrong password is told that it is right; nothing in the dialogue says otherwise",
}
"""Kinds that no client can get wrong, and why; it is enough that they reach one and the session ends."""
RIGHT = frozenset({STRICT.name, DILIGENT.name})
HOW = "python -m tests.catalogue.reference_table --write"


@pytest.mark.parametrize("identifier", written())
def test_entry(identifier: str) -> None:
    """An entry is right, it says what it said, and the table says what the clients make of it."""
    met = meet(CATALOGUE[identifier])
    assert not objections(met)
    if path_of(identifier).exists():
        assert kept(identifier) == differences(met), f"if it has to be so: {HOW} {identifier}"
    assert rows_kept(f"[`{identifier}`](SCENARIOS.md#{identifier})") == list(
        rows_of(met, f"[`{identifier}`](SCENARIOS.md#{identifier})")
    ), f"{HOW} {identifier}"


@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind: str) -> None:
    """A kind's example reaches somebody; who is right is not wronged by it, and the lab bears it."""
    met = met_alone(kind)
    found = [one for one in objections(met) if not re.search("reaches no|the fault never reached", one)]
    assert not found
    assert kind in met.kinds, "its example reaches no reference client, in any protocol"
    for (_, client), report in met.reports.items():
        assert client not in RIGHT or report.verdict.outcome in (
            Outcome.PASS,
            Outcome.INCONCLUSIVE,
            Outcome.NOT_OFFERED,
        )
    failed = any(report.verdict.outcome is Outcome.FAIL for report in met.reports.values())
    assert failed or kind in CANNOT_BE_FAILED, "no reference client gets its example wrong any more"
    if kind in CANNOT_BE_FAILED:
        assert not failed, "a client gets it wrong: it is no exception any more"
        _check_that_sessions_end(met)
    assert rows_kept(EXAMPLE, f"{kind} ") == list(rows_of(met, EXAMPLE, kind)), f"{HOW} {kind}"


def _check_that_sessions_end(met: Met) -> None:
    """Check that nothing is expected of clients, and that whoever met it went on to the end."""
    assert met.scenario.expectation is Expectation.EITHER
    afflicted = [session for report in met.reports.values() for session in report.trace.afflicted()]
    assert afflicted
    assert all(any(session.each(events.Disconnected)) for session in afflicted)


def test_said_is_kept() -> None:
    """What an entry says is kept, whole or as far as it is unusual; but not where the fault is in the handshake."""
    lacking = {
        identifier
        for identifier, scenario in written().items()
        if not path_of(identifier).exists() and identifier not in DIALOGUES and not scenario.chain.presents
    }
    assert lacking == set(), HOW


def test_good() -> None:
    """Every client gets through to the known-good server, unless it has the wrong password."""
    met = meet(CATALOGUE["good"])
    for (service, client), report in met.reports.items():
        assert report.verdict.outcome is Outcome.PASS, (service, client)


def _objections(scenario: Scenario) -> list[str]:
    return objections(meet(scenario, catalogue_with(scenario), scenario.services[:1]))


def test_nobody_fails() -> None:
    """An entry that has to be rejected and is a correct server is no entry."""
    toothless = replace(CATALOGUE["good"], id="toothless", expectation=Expectation.REJECT, severity=Severity.HIGH)
    assert any("no reference client fails it, though it has to be rejected" in one for one in _objections(toothless))


def test_no_rule_of_its_own() -> None:
    """An entry whose own rules nobody breaks has the wrong rules."""
    other = replace(CATALOGUE["starttls-refused"], id="other", rules=("rejects-handshake",))
    assert any("by a rule of its own (rejects-handshake)" in one for one in _objections(other))


def test_nobody_passes() -> None:
    """An entry that a right client cannot pass is no entry."""
    unjust = replace(CATALOGUE["auth-rejected"], id="unjust", expectation=Expectation.ACCEPT, rules=("gets-through",))
    found = _objections(unjust)
    assert any("the strict client does not pass" in one for one in found)
    assert any("the diligent client does not pass" in one for one in found)


def test_reaches_nobody() -> None:
    """An entry whose misbehaviour waits for what no client does is no entry, even if another of its reaches some."""
    never = read_misbehaviours([{"kind": "drop", "when": {"command": "LSUB"}}], ("imap",))
    silent = replace(alone("late"), id="silent", services=("imap",), chain=Chain(never))
    assert any("its misbehaviour reaches no reference client" in one for one in _objections(silent))
    both = replace(silent, chain=Chain([*alone("late").chain.links, *never]))
    assert any("its drop reaches no reference client" in one for one in _objections(both))


def test_others() -> None:
    """Who changes what somebody else is told is found out."""

    def intrude(lab: Lab, _clock: MemoryClock) -> None:
        inbox = lab.store.account(BYSTANDER.name).mailbox("INBOX")
        assert inbox is not None
        inbox.append([Draft(content=b"Subject: unexpected\r\n\r\n")])

    assert "+S: * 2 EXISTS" in difference_to_others(SERVICES["imap"], CATALOGUE, intrude)
    assert difference_to_others(SERVICES["imap"], CATALOGUE, lambda _lab, _clock: None) == ""


def test_program(capsys: pytest.CaptureFixture[str]) -> None:
    """One entry is met by its id, with a line for each service; an unknown id is told with the nearest."""
    assert main(["imap-greeting-preauth"]) == 0
    out = capsys.readouterr().out
    assert re.search("^  imap +PASS +PASS +- +FAIL +FAIL", out, re.MULTILINE)
    assert "imap-greeting-preauth: ok" in out
    assert main(["imap-greeting-preaut"]) == 2
    assert "did you mean imap-greeting-preauth" in capsys.readouterr().out
    assert main([]) == 2
