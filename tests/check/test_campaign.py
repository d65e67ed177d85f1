"""A campaign: the known-good server first, controls before their cases, the worst of several runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from labserver.check.campaign import Campaign
from labserver.check.case_run import Run
from labserver.check.witness import canary_of
from labserver.errors import ConfigurationError, UnavailableError
from labserver.mailstore.directory import User
from labserver.report.case import ClientRun
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from labserver.verdicts.policy import Policy
from tests.ours import CATALOGUE
from tests.verdicts.scenes import Scene, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service

_USER = User(name="canary-1", password="Sing1234")


def through() -> Scene:
    """Return a session that gets through."""
    return Scene().tls().says(b"a LOGIN x y\r\n").logs_in().ends()


def believing() -> Scene:
    """Return a session that takes what was injected for an answer."""
    scene = Scene().misbehaves("injection").tls()
    return scene.says(b"a CAPABILITY\r\n").says(b"b LOGIN x y\r\n").ends()


def refusing() -> Scene:
    """Return a session that refuses a certificate."""
    return Scene().misbehaves("certificate").ends("error")


def accepting() -> Scene:
    """Return a session that accepts a certificate."""
    return Scene().misbehaves("certificate").tls().says(b"a SELECT INBOX\r\n").ends()


@dataclass
class Scripted:
    """A runner whose client does what a test wrote, by scenario; anything else is refused."""

    scripts: dict[str, list[Callable[[], Scene]]]
    timed_out: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list)
    seconds: float = 5.0
    backwards: bool = False
    """Whether runs that begin later end earlier."""
    under_way: int = 0
    most: int = 0

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Take the next script."""
        assert policy.fits(service)
        name = f"{scenario.id}{' control' if control else ''}"
        self.ran.append(name)
        script = self.scripts.get(name, [refusing])
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(100 - len(self.ran) if self.backwards else 0):
            await asyncio.sleep(0)
        self.under_way -= 1
        scene = script[0] if len(script) == 1 else script.pop(0)
        client = ClientRun(ended="", seconds=0.0, output=str(len(self.ran)))
        return Run(trace=trace(scene(), canary=canary_of(_USER)), client=client, timed_out=name in self.timed_out)


def _reports(
    runner: Scripted,
    *scenarios: str,
    service: str = "imap",
    policy: Policy | None = None,
    repeat: int = 1,
    at_once: int = 1,
) -> list[CaseReport]:
    campaign = Campaign(
        runner=runner,
        catalogue=CATALOGUE,
        scenarios=[CATALOGUE[name] for name in scenarios],
        services=[SERVICES[service]],
        policies={service: policy} if policy else {},
        repeat=repeat,
        at_once=at_once,
    )

    async def collected() -> list[CaseReport]:
        return [report async for report in campaign.reports()]

    return asyncio.run(collected())


def _told(reports: list[CaseReport]) -> list[tuple[str, Outcome]]:
    return [(report.subject.id, report.verdict.outcome) for report in reports]


def test_good_first() -> None:
    """The known-good server is met first, once, and reported only if it was asked for."""
    runner = Scripted({"good": [through]})
    assert _told(_reports(runner, "expired", "self-signed")) == [
        ("expired", Outcome.PASS),
        ("self-signed", Outcome.PASS),
    ]
    assert runner.ran == ["good", "expired", "self-signed"]
    assert _told(_reports(runner, "expired", "good")) == [("good", Outcome.PASS), ("expired", Outcome.PASS)]


def test_good_failed() -> None:
    """A client that does not get through passes nothing and is told why, but what it does wrong it fails."""
    runner = Scripted({"good": [lambda: Scene().ends()], "self-signed": [accepting], "good-trustme": [refusing]})
    reports = _reports(runner, "expired", "self-signed", "good-trustme")
    assert _told(reports) == [
        ("good", Outcome.INCONCLUSIVE),
        ("expired", Outcome.INCONCLUSIVE),
        ("self-signed", Outcome.FAIL),
        ("good-trustme", Outcome.INCONCLUSIVE),
    ]
    assert runner.ran == ["good", "expired", "self-signed", "good-trustme"]
    assert reports[1].verdict.reason == (
        "the client fails the known-good control: it neither logged in nor sent mail on a correct server"
    )


def test_good_failed_badly() -> None:
    """A client that sends its password in clear to the known-good server fails there."""
    runner = Scripted({"good": [lambda: Scene().says(b"a LOGIN x Sing1234\r\n")]})
    reports = _reports(runner, "expired")
    assert _told(reports) == [("good", Outcome.FAIL), ("expired", Outcome.INCONCLUSIVE)]
    assert reports[1].verdict.reason == "the client fails the known-good control: it sent the password in clear"


def test_endless_client() -> None:
    """A client that never ends by itself is not blamed for it, but is judged otherwise."""
    runner = Scripted(
        {"good": [through], "expired": [accepting], "self-signed": [refusing]},
        timed_out=frozenset({"good", "expired", "self-signed"}),
    )
    assert _told(_reports(runner, "good", "expired", "self-signed")) == [
        ("good", Outcome.PASS),
        ("expired", Outcome.FAIL),
        ("self-signed", Outcome.PASS),
    ]


def test_hanging_client() -> None:
    """A client that hangs only there is."""
    runner = Scripted({"good": [through]}, timed_out=frozenset({"expired"}))
    (report,) = _reports(runner, "expired")
    assert report.verdict.findings[0].rule == "bounded-time"


def test_control_of_a_case() -> None:
    """An oracle's control runs first, and decides what haste means."""
    runner = Scripted({"good": [through], "response-injection": [believing], "response-injection control": [through]})
    assert _told(_reports(runner, "response-injection")) == [("response-injection", Outcome.FAIL)]
    assert runner.ran == ["good", "response-injection control", "response-injection"]
    runner = Scripted({"good": [through], "response-injection": [believing], "response-injection control": [believing]})
    assert _told(_reports(runner, "response-injection")) == [("response-injection", Outcome.INCONCLUSIVE)]


def test_repeated() -> None:
    """The worst of several runs is reported, with how often it came up and with its own transcript."""
    runner = Scripted({"good": [through], "expired": [refusing, accepting, refusing, accepting]})
    (report,) = _reports(runner, "expired", repeat=4)
    assert (report.verdict.outcome, report.tally.times, report.tally.of) == (Outcome.FAIL, 2, 4)
    assert report.client is not None
    assert report.client.output == "6", "the first run that failed"
    assert any(report.trace.sessions[0].spoken(secure=True))


def test_policy() -> None:
    """Under a policy that a service cannot have nothing is run."""
    runner = Scripted({"good": [through]})
    reports = _reports(runner, "expired", service="imaps", policy=Policy.OPPORTUNISTIC)
    assert _told(reports) == [("expired", Outcome.NOT_APPLICABLE)]
    assert reports[0].client is None
    assert runner.ran == []
    assert _told(_reports(runner, "expired", policy=Policy.OPPORTUNISTIC)) == [("expired", Outcome.PASS)]


def test_service_without_cases() -> None:
    """A service on which none of the scenarios makes sense is left alone."""
    runner = Scripted({"good": [through]})
    assert _reports(runner, "starttls-stripped", service="imaps") == []
    assert runner.ran == []


def test_what_cannot_be_served() -> None:
    """A scenario that this lab cannot play is told with the reason, and the others are judged."""

    def unavailable() -> Scene:
        raise UnavailableError("This host's OpenSSL does not serve it.")

    runner = Scripted({"good": [through], "expired": [unavailable], "self-signed": [refusing]})
    reports = _reports(runner, "expired", "self-signed")
    assert _told(reports) == [("expired", Outcome.NOT_APPLICABLE), ("self-signed", Outcome.PASS)]
    assert reports[0].verdict.reason == "This host's OpenSSL does not serve it"


_MANY = ("expired", "self-signed", "wrong-host", "untrusted-root", "response-injection", "tls-v1-0")


def test_side_by_side() -> None:
    """Cases run side by side, as many as allowed, after the known-good server; reports come in the cases' order."""
    scripts = {"good": [through], "expired": [accepting], "response-injection control": [through]}
    alone, together = Scripted(dict(scripts)), Scripted(dict(scripts), backwards=True)
    expected = _told(_reports(alone, *_MANY))
    assert _told(_reports(together, *_MANY, at_once=4)) == expected
    assert [name for name, _ in expected] == list(_MANY)
    assert (alone.most, together.most) == (1, 4)
    assert together.ran[0] == "good"
    assert sorted(together.ran) == sorted(alone.ran)


def test_what_a_run_raises() -> None:
    """A client that cannot be run ends the campaign, after the reports of the cases before; nothing else is begun."""

    def impossible() -> Scene:
        raise ConfigurationError("cannot run it")

    runner = Scripted({"good": [through], "wrong-host": [impossible]}, backwards=True)
    campaign = Campaign(
        runner=runner,
        catalogue=CATALOGUE,
        scenarios=[CATALOGUE[name] for name in _MANY],
        services=[SERVICES["imap"]],
        at_once=2,
    )
    reports: list[CaseReport] = []

    async def collect() -> None:
        async for report in campaign.reports():
            reports.append(report)  # noqa: PERF401 -- what comes before the error is wanted

    with pytest.raises(ConfigurationError, match="cannot run it"):
        asyncio.run(collect())
    assert _told(reports) == [("expired", Outcome.PASS), ("self-signed", Outcome.PASS)]
    assert "tls-v1-0" not in runner.ran


def test_race() -> None:
    """A case that is a race is run as often as its entry says, and no more once it is lost."""
    scripts: dict[str, list[Callable[[], Scene]]] = {"good": [through], "response-injection control": [through]}
    runner = Scripted({**scripts, "response-injection": [through]})
    (report,) = _reports(runner, "response-injection")
    assert CATALOGUE["response-injection"].repeats == 5
    assert runner.ran.count("response-injection") == 5
    assert (report.tally.of, report.tally.planned) == (5, 0)
    runner = Scripted({**scripts, "response-injection": [through, believing, through]})
    (report,) = _reports(runner, "response-injection")
    assert runner.ran.count("response-injection") == 2
    assert report.verdict.outcome is Outcome.FAIL
    assert (report.tally.times, report.tally.of, report.tally.planned) == (1, 2, 5)


def test_repeated_control() -> None:
    """The known-good server is met as often as the cases, and a client that gets through only sometimes is told so."""
    runner = Scripted({"good": [through, lambda: Scene().ends(), through], "expired": [refusing]})
    good, report = _reports(runner, "good", "expired", repeat=3)
    assert runner.ran == ["good"] * 3 + ["expired"] * 3
    assert (good.verdict.outcome, good.tally.times, good.tally.of) == (Outcome.INCONCLUSIVE, 1, 3)
    assert report.verdict.outcome is Outcome.INCONCLUSIVE


def test_excluded() -> None:
    """What is left out is not run, on the service that the pattern says or on all of them."""
    runner = Scripted({"good": [through]})
    campaign = Campaign(
        runner=runner,
        catalogue=CATALOGUE,
        scenarios=[CATALOGUE[name] for name in ("expired", "self-signed", "wrong-host")],
        services=[SERVICES["imap"], SERVICES["pop3"]],
        exclude=("wrong-*", "expired@pop3"),
    )

    async def ids() -> list[str]:
        return [report.id async for report in campaign.reports()]

    assert asyncio.run(ids()) == ["expired@imap", "self-signed@imap", "self-signed@pop3"]
    assert campaign.total == 3
