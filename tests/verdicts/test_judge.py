"""The judge: what cannot be judged is never a pass, and the worst counts."""

from __future__ import annotations

import pytest

from labserver import events
from labserver.services import SERVICES, Service
from labserver.verdicts.finding import Outcome
from labserver.verdicts.judge import Verdict, worst
from labserver.verdicts.policy import Policy, default_policy
from tests.verdicts.scenes import CANARY, Scene, judged


def _good() -> Scene:
    return Scene("imaps").tls().says(b"a LOGIN x y\r\n").logs_in().ends()


def test_good() -> None:
    """Who gets through to the known-good server passes."""
    assert judged("good", "imaps", _good()) == Verdict(outcome=Outcome.PASS)


@pytest.mark.parametrize("scenario", ["good", "expired", "ipv6-san"])
def test_never_connected(scenario: str) -> None:
    """No session, no verdict, whatever was to be done there."""
    verdict = judged(scenario, "imaps")
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "the client never connected")


def test_not_reached() -> None:
    """A fault that never reached the client proves nothing."""
    verdict = judged("expired", "imaps", _good())
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "the fault never reached the client")


def test_not_asked() -> None:
    """Where a client has to ask for it, it is told so."""
    verdict = judged("ocsp-stapled-revoked", "imaps", _good())
    said = "the fault never reached the client: it has to ask for it (status_request)"
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, said)


def test_not_reached_with_a_remark() -> None:
    """Nor does it when there is a remark to make."""
    verdict = judged("expired", "imap", Scene().says(b"a ID NIL\r\n").ends())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert [finding.rule for finding in verdict.findings] == ["only-discovery-before-tls"]


def test_failed_control() -> None:
    """A client that does not get through to the known-good server is inconclusive there, unless it does worse."""
    verdict = judged("good", "imaps", Scene("imaps").ends())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "the client neither logged in nor sent mail on a correct server"
    secret = Scene().says(f"a LOGIN x {{9}}\r\n{CANARY.password}\r\n".encode())
    assert judged("good", "imap", secret).outcome is Outcome.FAIL


def test_obstacle() -> None:
    """A client that failed the control passes nothing, whatever it did not do; what it did wrong fails."""
    known = "the client fails the known-good control"
    nothing = Scene("imaps").misbehaves("certificate").ends()
    expected = Verdict(outcome=Outcome.INCONCLUSIVE, reason=known)
    assert judged("expired", "imaps", nothing, obstacle=known) == expected
    used = Scene("imaps").misbehaves("certificate").tls().says(b"a LOGIN x y\r\n")
    assert judged("expired", "imaps", used, obstacle=known).outcome is Outcome.FAIL


def test_obstacle_to_acceptance() -> None:
    """What has to be accepted is not blamed on a client that does not get through to the known-good server, either."""
    scene = Scene("imaps").misbehaves("certificate").ends()
    verdict = judged("good-trustme", "imaps", scene, obstacle="the client fails the known-good control")
    assert (verdict.outcome, verdict.findings) == (Outcome.INCONCLUSIVE, ())


@pytest.mark.parametrize(
    ("scenario", "service", "policy", "reason"),
    [
        ("starttls-stripped", "imaps", Policy.TLS_REQUIRED_IMPLICIT, "starttls-stripped is not available on imaps"),
        ("expired", "imaps", Policy.OPPORTUNISTIC, "imaps cannot be used under the policy opportunistic"),
        ("expired", "imap", Policy.TLS_REQUIRED_IMPLICIT, "imap cannot be used under the policy tls-required-implicit"),
    ],
)
def test_not_applicable(scenario: str, service: str, policy: Policy, reason: str) -> None:
    """What makes no sense is said to."""
    verdict = judged(scenario, service, Scene(service), policy=policy)
    assert verdict == Verdict(outcome=Outcome.NOT_APPLICABLE, reason=reason)


def test_one_finding_for_each_rule() -> None:
    """Of several breaches of a rule the worst is told, and of several rules the worst first."""
    scene = Scene().says(b"a CAPABILITY\r\n").misbehaves("capabilities").says(b"b ID NIL\r\n").says(b"c SELECT x\r\n")
    verdict = judged("starttls-stripped", "imap", scene.says(f"d LOGIN {CANARY.user} y\r\n".encode()))
    told = [(finding.rule, finding.outcome, finding.what) for finding in verdict.findings]
    assert told == [
        ("only-discovery-before-tls", Outcome.FAIL, "sent SELECT in clear"),
        ("no-secret-in-clear", Outcome.WARN, "sent the user's name in clear"),
    ]


def test_worst() -> None:
    """Of several runs the worst counts, with how often it came up."""
    outcomes = [Outcome.PASS, Outcome.FAIL, Outcome.WARN, Outcome.FAIL, Outcome.INCONCLUSIVE]
    verdict, tally = worst([Verdict(outcome=outcome) for outcome in outcomes])
    assert (verdict.outcome, tally.times, tally.of) == (Outcome.FAIL, 2, 5)


def test_order_of_outcomes() -> None:
    """Doubt outweighs what is allowed, and a failure outweighs doubt."""
    ranks = [outcome.rank for outcome in (Outcome.PASS, Outcome.INFO, Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.FAIL)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_default_policy(service: Service) -> None:
    """Every service has a policy under which it is used as RFC 8314 asks for."""
    assert default_policy(service).fits(service)
    assert default_policy(service).value.startswith("tls-required")


def test_failed_control_names_the_mechanism() -> None:
    """Where a login failed on the known-good server, the reason names the mechanism and the remedy."""
    scene = Scene("imaps").tls()
    scene.events.append(
        events.AuthenticationFailed(at=scene.at, mechanism="X-PLUS", reason="no", secure=True, remedy="use X")
    )
    verdict = judged("good", "imaps", scene.ends())
    assert verdict.reason == (
        "the client neither logged in nor sent mail (X-PLUS failed: no; use X) on a correct server"
    )
