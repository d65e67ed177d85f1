"""NOT-OFFERED: proven by what the client says, never by its silence."""

from __future__ import annotations

import pytest

from labserver import events
from labserver.verdicts.finding import Outcome
from labserver.verdicts.judge import Verdict
from labserver.verdicts.policy import Policy
from tests.verdicts.scenes import Scene, judged, trace

_PLAIN, _STAPLE = ("server_name", "supported_groups"), ("server_name", "status_request")


def hello(*extensions: str, groups: tuple[str, ...] = ("x25519",)) -> Scene:
    """Return a session with a ClientHello."""
    scene = Scene("imaps")
    scene.events.append(
        events.ClientHelloReceived(
            at=scene.at,
            versions=("TLSv1.3", "TLSv1.2"),
            groups=groups,
            signatures=("ed25519",),
            extensions=extensions,
            suites=("TLS_AES_128_GCM_SHA256",),
        )
    )
    return scene


def ended(scene: Scene, reason: str = "no shared cipher", alert: str = "") -> Scene:
    """Return the session after a broken handshake."""
    scene.events.append(events.TlsFailed(at=scene.at, reason=reason, alert=alert))
    return scene.ends("server")


def listed(scene: Scene, *mechanisms: str) -> Scene:
    """Return the session after a list of mechanisms."""
    scene.events.append(events.MechanismsListed(at=scene.at, mechanisms=mechanisms, secure=scene.secure))
    return scene


def test_not_asked() -> None:
    """A client that asks for no staple has not met one; the reason has what it offers, and what it did."""
    verdict = judged("ocsp-stapled-revoked", "imaps", hello(*_PLAIN).tls().logs_in().ends())
    assert verdict == Verdict(
        outcome=Outcome.NOT_OFFERED,
        reason="the client does not ask for it (status_request): its ClientHello has the extensions "
        "server_name, supported_groups; it logged in",
    )


@pytest.mark.parametrize(
    "scenes",
    [
        (Scene("imaps").tls().logs_in().ends(),),
        (hello(*_STAPLE).tls().logs_in().ends(),),
        (hello(*_PLAIN).tls().logs_in().ends(), hello(*_STAPLE).ends()),
    ],
    ids=["no ClientHello is known", "it asks", "it asks once"],
)
def test_not_proven(scenes: tuple[Scene, ...]) -> None:
    """Without a ClientHello, or with one that asks, the fault that never came stays a riddle."""
    assert judged("ocsp-stapled-revoked", "imaps", *scenes).outcome is Outcome.INCONCLUSIVE


def test_an_asked_staple_that_came() -> None:
    """A client that met the fault is judged by that, whatever its other connections asked for."""
    met = hello(*_STAPLE).misbehaves("certificate").tls().says(b"a SELECT x\r\n")
    assert judged("ocsp-stapled-revoked", "imaps", hello(*_PLAIN).ends(), met).outcome is not Outcome.NOT_OFFERED


def test_nothing_in_common() -> None:
    """Where both sides have no curve in common, that is told with what the client has."""
    verdict = judged("brainpool-p256r1", "imaps", ended(hello(*_PLAIN)))
    assert verdict.outcome is Outcome.NOT_OFFERED
    assert verdict.reason == (
        "the client offers nothing for a chain with brainpoolp256r1: its ClientHello has the versions TLSv1.3, "
        "TLSv1.2, the groups x25519 and the signature schemes ed25519; the handshake ended (no shared cipher)"
    )


def test_not_offering_what_is_weak() -> None:
    """Where no correct client offers it, not to offer it is a pass."""
    verdict = judged("ecc192", "imaps", ended(hello(*_PLAIN)))
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    assert "the client offers nothing for a chain with secp192r1: " in verdict.reason


def test_not_offering_what_is_good() -> None:
    """Where the server has to be accepted, a client without its curve is not blamed."""
    verdict = judged("tls-client-certificate", "imaps", ended(hello(*_PLAIN)))
    assert verdict.outcome is Outcome.NOT_OFFERED
    assert "nothing that the server has: its ClientHello has the versions TLSv1.3, TLSv1.2, the cipher suites TLS_" in (
        verdict.reason
    )


@pytest.mark.parametrize(
    "scene",
    [
        ended(hello(*_PLAIN), "certificate unknown", "certificate_unknown"),
        ended(hello(*_PLAIN), "decode error"),
        ended(Scene("imaps")),
        hello(*_PLAIN).ends(),
    ],
    ids=["the client's alert", "a broken ClientHello", "no ClientHello", "silence"],
)
def test_other_ends_of_handshakes(scene: Scene) -> None:
    """A handshake that ended for another reason proves nothing about what is offered."""
    assert judged("brainpool-p256r1", "imaps", scene).outcome is Outcome.INCONCLUSIVE


def test_one_connection_of_two() -> None:
    """A client that found something in common at another connection offers it."""
    scenes = (ended(hello(*_PLAIN)), hello("key_share", groups=("brainpoolP256r1",)).tls().ends())
    assert judged("brainpool-p256r1", "imaps", *scenes).outcome is Outcome.INCONCLUSIVE


def test_a_finding_beside_it() -> None:
    """What a client does wrong meanwhile is a failure all the same."""
    scenes = (ended(hello(*_PLAIN)), Scene("imap").says(b"a SELECT x\r\n"))
    assert judged("ecc192", "imap", *scenes).outcome is Outcome.FAIL


def test_told_to_use_no_tls() -> None:
    """A client that works without TLS, as it was told to, cannot meet what lies in TLS; another has proved nothing."""
    worked = Scene().says(b"a LOGIN x y\r\n").logs_in().ends()
    verdict = judged("expired", "imap", worked, policy=Policy.PLAINTEXT)
    assert (verdict.outcome, verdict.reason) == (
        Outcome.NOT_OFFERED,
        "the client was told to use no TLS, and it logged in without it",
    )
    assert judged("good", "imap", worked, policy=Policy.PLAINTEXT).outcome is Outcome.INFO
    assert judged("expired", "imap", Scene().ends(), policy=Policy.PLAINTEXT).outcome is Outcome.INCONCLUSIVE
    assert judged("expired", "imap", worked, policy=Policy.OPPORTUNISTIC).outcome is Outcome.INCONCLUSIVE


def _control(mechanism: str = "PLAIN") -> Scene:
    scene = listed(Scene("imaps").tls(), "SCRAM-SHA-256", "PLAIN")
    return scene.says(f"a AUTHENTICATE {mechanism}\r\n".encode()).logs_in(mechanism).ends()


def test_goodbye_is_an_end() -> None:
    """A client that says goodbye has ended the session, although the server closes the connection then."""
    read = listed(Scene("submissions").tls().says(b"EHLO x\r\n"), "SCRAM-SHA-256").says(b"QUIT\r\n").ends("server")
    verdict = judged("scram-bad-server-signature", "submissions", read, good=trace(_control()))
    assert verdict.outcome is Outcome.NOT_OFFERED


def _read_and_ended() -> Scene:
    return listed(Scene("imaps").tls().says(b"a CAPABILITY\r\n"), "SCRAM-SHA-256", "SCRAM-SHA-1").ends()


def test_another_mechanism() -> None:
    """Who chooses another mechanism, and ends where there is none but SCRAM, does not offer SCRAM."""
    verdict = judged("scram-bad-server-signature", "imaps", _read_and_ended(), good=trace(_control()))
    assert verdict == Verdict(
        outcome=Outcome.NOT_OFFERED,
        reason="the client chooses PLAIN where SCRAM-SHA-256 is offered, too; where it was offered SCRAM-SHA-256, "
        "SCRAM-SHA-1 only, it read the list and ended",
    )


@pytest.mark.parametrize(
    ("scene", "control"),
    [
        (_read_and_ended(), None),
        (_read_and_ended(), _control("SCRAM-SHA-256")),
        (_read_and_ended(), Scene("imaps").tls().says(b"a LOGIN x y\r\n").logs_in().ends()),
        (Scene("imaps").tls().says(b"a CAPABILITY\r\n").ends(), _control()),
        (listed(Scene("imaps").tls(), "SCRAM-SHA-256").says(b"a AUTHENTICATE PLAIN\r\n").ends(), _control()),
        (listed(Scene("imaps").tls(), "SCRAM-SHA-256"), _control()),
    ],
    ids=["no control", "it chose SCRAM", "no list in the control", "no list", "it tried", "it waits"],
)
def test_mechanism_not_proven(scene: Scene, control: Scene | None) -> None:
    """All of it has to have been said: the lists, the choice, the end."""
    good = trace(control) if control else None
    verdict = judged("scram-bad-server-signature", "imaps", scene, good=good)
    assert verdict.outcome is Outcome.INCONCLUSIVE
