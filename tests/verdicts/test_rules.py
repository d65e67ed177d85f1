"""Each rule: what keeps it, what breaks it, and the event that proves it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from labserver import events
from labserver.scenario import Severity
from labserver.verdicts.finding import STRICTEST, Finding, Outcome, Revocation, Terms
from labserver.verdicts.policy import Policy
from labserver.verdicts.rules import ALWAYS, RULES, Rule
from tests.ours import CATALOGUE
from tests.verdicts.scenes import CANARY, Scene, judged, trace

PASS, INFO, WARN, FAIL = Outcome.PASS, Outcome.INFO, Outcome.WARN, Outcome.FAIL
INCONCLUSIVE = Outcome.INCONCLUSIVE
_SECRET = base64.b64encode(f"\0{CANARY.user}\0{CANARY.password}".encode())
_CAPS = b"* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n"


def imap() -> Scene:
    """Return an IMAP session after its greeting."""
    return Scene("imap").hears(b"* OK ready\r\n", "greeting")


def upgraded(scene: Scene | None = None) -> Scene:
    """Return a session that has gone to TLS as it should."""
    scene = scene or imap()
    return scene.says(b"a CAPABILITY\r\n").hears(_CAPS).says(b"b STARTTLS\r\n").hears(b"b OK\r\n").tls()


def stripped() -> Scene:
    """Return a session in which STARTTLS was hidden."""
    return imap().says(b"a CAPABILITY\r\n").misbehaves("capabilities").hears(b"* CAPABILITY IMAP4rev1\r\na OK\r\n")


def presented(facet: str = "certificate") -> Scene:
    """Return an implicit-TLS session in which the fault was presented and the handshake finished."""
    return Scene("imaps").misbehaves(facet).tls().hears(b"* OK ready\r\n", "greeting")


def trusting() -> Scene:
    """Return a session in which the client went on behind the certificate."""
    return presented().says(b"a SELECT INBOX\r\n").ends()


def injected() -> Scene:
    """Return a session inside TLS behind which replies were injected."""
    scene = imap().says(b"a CAPABILITY\r\n").hears(_CAPS).says(b"b STARTTLS\r\n")
    return scene.hears(b"b OK\r\n").hears(b"c OK injected\r\n", "untagged").misbehaves("injection").tls()


def proved() -> Scene:
    """Return a session in which the server's proof was wrong."""
    return upgraded().says(b"c AUTHENTICATE SCRAM-SHA-256\r\n").misbehaves("authentication").hears(b"+ dj0=\r\n")


def greeted_wrong() -> Scene:
    """Return a session that was greeted with what is no greeting."""
    return Scene("imap").misbehaves("reply").hears(b"* BAD what do you want\r\n", "greeting")


def unproved() -> Scene:
    """Return a session in which success was claimed, and the server's proof left out."""
    scene = upgraded().says(b"c AUTHENTICATE SCRAM-SHA-256\r\n").line(b"biws\r\n").line(b"Yz0=\r\n")
    return scene.logs_in("SCRAM-SHA-256").misbehaves("proof").hears(b"c OK\r\n")


def unasked() -> Scene:
    """Return a session in which success was claimed before anything was said."""
    return upgraded().says(b"c AUTHENTICATE SCRAM-SHA-256\r\n").misbehaves("login-unasked").hears(b"c OK\r\n")


def rejected(*, tls: bool = True) -> Scene:
    """Return a session in which right credentials were refused."""
    scene = upgraded() if tls else imap()
    scene.says(b"c AUTHENTICATE SCRAM-SHA-256\r\n")
    scene.misbehaves("authentication")
    scene.events.append(events.AuthenticationFailed(at=scene.at, mechanism="SCRAM-SHA-256", reason="x", secure=tls))
    return scene.hears(b"c NO\r\n")


def handing_over(refusal: bytes = b"") -> Scene:
    """Return an SMTP session in which DATA was answered, with 354 or by another reply, which is the fault."""
    scene = upgraded(Scene("smtp")).says(b"DATA\r\n")
    return scene.misbehaves("answer").hears(refusal) if refusal else scene.hears(b"354 Go ahead\r\n", "continuation")


def appended(*replies: tuple[bytes, str]) -> Scene:
    """Return an IMAP session in which a literal was announced and answered, and what was said of APPEND then."""
    scene = upgraded().says(b"c NOOP\r\n").hears(b"c OK\r\n").misbehaves("quota-full")
    for reply, kind in replies:
        scene.hears(reply, kind)
    return scene.says(b"d APPEND INBOX {9}\r\n")


def refused_mail(data: bytes = b"one") -> Scene:
    """Return a session in which mail was taken and then refused."""
    return handing_over().mail(data).misbehaves("data-refused").hears(b"554 No\r\n")


def selected_again() -> Scene:
    """Return an IMAP session in which another UIDVALIDITY was told by the second SELECT."""
    scene = upgraded().says(b"c SELECT INBOX\r\n").hears(b"c OK\r\n").says(b"d UID FETCH 1:* FLAGS\r\n", "UID FETCH")
    return scene.hears(b"d OK\r\n").says(b"e SELECT INBOX\r\n").misbehaves("uidvalidity").hears(b"e OK\r\n")


def refused() -> Scene:
    """Return a submission session in which AUTH was refused."""
    scene = Scene("submissions").tls().says(b"AUTH PLAIN\r\n").misbehaves("answer").hears(b"454 4.7.0 later\r\n")
    scene.events.append(events.LoginRejected(at=scene.at, code="454", secure=True))
    return scene


@dataclass(frozen=True)
class Row:
    """One claim."""

    what: str
    outcome: Outcome
    scenes: tuple[Scene, ...]
    service: str = "imap"
    policy: Policy | None = None
    rule: str = ""
    """The rule of the worst finding."""
    severity: Severity | None = None
    proof: int | None = None
    """The place of the proving event in the last session, from its end."""
    says: str = ""
    """What the worst finding says."""
    known: dict[str, Any] = field(default_factory=dict)


_LOGIN = f'c LOGIN "{CANARY.user}" {{21}}\r\n'.encode() + CANARY.password.encode() + b"\r\n"
_OPPORTUNISTIC = Policy.OPPORTUNISTIC

_SOFT = {"terms": Terms(revocation=Revocation.SOFT)}
_HARD = {"terms": Terms(revocation=Revocation.HARD)}
_HELLO = b"\x16\x03\x01\x00\x05\n"
TABLE = {
    "good": (
        Row(
            "needs leniency",
            INFO,
            service="smtp",
            scenes=(
                Scene("smtp")
                .says(b"EHLO x\r\n")
                .says(b"STARTTLS\r\n")
                .tls()
                .tolerated("MAIL with no domain")
                .logs_in(),
                Scene("smtp").tls().tolerated("MAIL with no domain").tolerated("ID with a number").logs_in().ends(),
            ),
            rule="keeps-to-the-grammar",
            severity=Severity.LOW,
            says="sent MAIL with no domain; ID with a number",
        ),
        Row("needs none", PASS, service="submissions", scenes=(Scene("submissions").tls().logs_in().ends(),)),
    ),
    "starttls-stripped": (
        Row("stops where STARTTLS is missing", PASS, scenes=(stripped().ends(),)),
        Row("says goodbye", PASS, scenes=(stripped().says(b"b LOGOUT\r\n").ends(),)),
        Row("asks for TLS all the same", PASS, scenes=(stripped().says(b"b STARTTLS\r\n").hears(b"b BAD\r\n").ends(),)),
        Row(
            "logs in in clear",
            FAIL,
            scenes=(stripped().says(_LOGIN),),
            rule="no-secret-in-clear",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "the same, opportunistic",
            INFO,
            scenes=(stripped().says(_LOGIN),),
            policy=_OPPORTUNISTIC,
            rule="no-secret-in-clear",
        ),
        Row(
            "logs in in clear at another connection",
            FAIL,
            scenes=(stripped().ends(), imap().says(_LOGIN)),
            rule="no-secret-in-clear",
            proof=-1,
        ),
        Row(
            "begins to authenticate in clear",
            FAIL,
            scenes=(stripped().says(b"b AUTHENTICATE PLAIN\r\n"),),
            rule="only-discovery-before-tls",
            severity=Severity.HIGH,
            proof=-1,
        ),
        Row(
            "tells its name only",
            WARN,
            scenes=(stripped().line(base64.b64encode(CANARY.user.encode())),),
            rule="no-secret-in-clear",
            severity=Severity.LOW,
        ),
        Row(
            "tells what it is",
            WARN,
            scenes=(stripped().says(b'b ID ("name" "x")\r\n'),),
            rule="only-discovery-before-tls",
            severity=Severity.LOW,
        ),
        Row("presses enter", PASS, scenes=(stripped().says(b"\r\n"),)),
        Row("lists mechanisms", PASS, service="pop3", scenes=(stripped().says(b"AUTH\r\n"),)),
        Row(
            "selects in clear",
            FAIL,
            scenes=(stripped().says(b"b SELECT INBOX\r\n"),),
            rule="only-discovery-before-tls",
            proof=-1,
        ),
        Row(
            "hands over mail in clear",
            FAIL,
            service="smtp",
            scenes=(Scene("smtp").says(b"EHLO x\r\n").misbehaves("capabilities").mail(b"hello"),),
            rule="only-discovery-before-tls",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "says nonsense in clear",
            FAIL,
            scenes=(stripped().says(b"GET / HTTP/1.1\r\n"),),
            rule="only-discovery-before-tls",
        ),
        Row(
            "says unspeakable nonsense in clear",
            FAIL,
            scenes=(stripped().says(b"\x9d\xff\r\n", verb="\x9d\ufffd"),),
            rule="only-discovery-before-tls",
            says="sent something in clear",
        ),
        Row(
            "begins TLS although it was refused",
            PASS,
            scenes=(stripped().sends(_HELLO).says(_HELLO, verb="\x03").says(b"x\r\n", verb="X").ends(),),
        ),
        Row(
            "begins TLS, and then logs in in clear",
            FAIL,
            scenes=(
                stripped().sends(_HELLO).says(_HELLO, verb="\x03").sends(b"b SELECT x\r\n").says(b"b SELECT x\r\n"),
            ),
            rule="only-discovery-before-tls",
            proof=-1,
        ),
        Row(
            "hangs before the fault is there",
            INCONCLUSIVE,
            scenes=(imap(),),
            known={"timed_out": True},
        ),
        Row(
            "still waits when patience ends",
            WARN,
            scenes=(stripped(),),
            rule="bounded-time",
            severity=Severity.LOW,
            says="still ran after 20 seconds",
            known={"timed_out": True},
        ),
        Row(
            "waits for longer than five minutes",
            FAIL,
            scenes=(stripped(),),
            rule="bounded-time",
            severity=Severity.MEDIUM,
            known={"timed_out": True, "seconds": 300.0},
        ),
        Row(
            "waits for longer than it was told to",
            FAIL,
            scenes=(stripped(),),
            rule="bounded-time",
            severity=Severity.MEDIUM,
            known={"timed_out": True, "terms": Terms(bound=15.0)},
        ),
        Row("never ends anywhere", PASS, scenes=(stripped(),), known={"timed_out": True, "endless": True}),
    ),
    "expired": (
        Row(
            "sends the password before the fault is there",
            FAIL,
            scenes=(imap().says(_LOGIN),),
            rule="no-secret-in-clear",
        ),
        Row(
            "breaks off the handshake",
            PASS,
            service="imaps",
            scenes=(Scene("imaps").misbehaves("certificate").ends("error"),),
        ),
        Row("finishes it and leaves", PASS, service="imaps", scenes=(presented().ends(),)),
        Row(
            "finishes it and says goodbye (RFC 3207 4.1)",
            PASS,
            service="imaps",
            scenes=(presented().says(b"a LOGOUT\r\n").ends(),),
        ),
        Row(
            "asks for capabilities, then looks at the certificate and leaves",
            WARN,
            service="imaps",
            scenes=(presented().says(b"a CAPABILITY\r\n").hears(_CAPS).says(b"b LOGOUT\r\n").ends(),),
            rule="rejects-certificate",
            severity=Severity.LOW,
            says="looked at the certificate only after CAPABILITY",
            proof=-4,
        ),
        Row(
            "the same with EHLO and RSET",
            WARN,
            service="submissions",
            scenes=(presented().says(b"EHLO x\r\n").says(b"RSET\r\n").says(b"QUIT\r\n").ends(),),
            says="looked at the certificate only after RSET",
        ),
        Row(
            "logs in",
            FAIL,
            service="imaps",
            scenes=(presented().says(b"a CAPABILITY\r\n").hears(_CAPS).says(_LOGIN).ends(),),
            rule="rejects-certificate",
            severity=Severity.CRITICAL,
            says="accepted the certificate and sent the password",
            proof=-2,
        ),
        Row(
            "tells its name",
            FAIL,
            service="pop3s",
            scenes=(presented().says(b"CAPA\r\n").says(b"USER canary-1a2b\r\n").ends(),),
            rule="rejects-certificate",
            severity=Severity.CRITICAL,
            says="accepted the certificate and went on with USER",
            proof=-2,
        ),
        Row(
            "begins to hand over mail",
            FAIL,
            service="submissions",
            scenes=(presented().says(b"EHLO x\r\n").says(b"MAIL FROM:<a@b>\r\n").ends(),),
            says="accepted the certificate and went on with MAIL",
            proof=-2,
        ),
        Row(
            "asks for what needs a login",
            FAIL,
            service="imaps",
            scenes=(presented().says(b"a SELECT INBOX\r\n").ends(),),
            says="accepted the certificate and went on with SELECT",
        ),
        Row(
            "the same, opportunistic",
            INFO,
            policy=_OPPORTUNISTIC,
            scenes=(presented().says(b"a SELECT INBOX\r\n").ends(),),
            rule="rejects-certificate",
        ),
        Row("never sends a ClientHello", INCONCLUSIVE, service="imaps", scenes=(Scene("imaps").ends(),)),
    ),
    "revoked": (
        Row("was told nothing of revocation", INFO, scenes=(trusting(),), rule="rejects-certificate"),
        Row("goes on with what it could know", FAIL, scenes=(trusting(),), known=_SOFT, severity=Severity.CRITICAL),
        Row("refuses it", PASS, scenes=(presented().ends(),), known=_SOFT),
    ),
    "ocsp-stapled-malformed": (
        Row("was told nothing of revocation", INFO, scenes=(trusting(),)),
        Row("was told to go on where nothing can be learned", INFO, scenes=(trusting(),), known=_SOFT),
        Row("was told to refuse that", FAIL, scenes=(trusting(),), known=_HARD),
    ),
    "ku-no-digital-signature": (
        Row(
            "goes on, as some correct clients do",
            WARN,
            scenes=(trusting(),),
            severity=Severity.LOW,
            says="accepted the certificate and went on with SELECT; disputed: "
            + CATALOGUE["ku-no-digital-signature"].disputed,
        ),
        Row("is judged strictly", FAIL, scenes=(trusting(),), known={"terms": STRICTEST}),
    ),
    "tls-v1-0": (
        Row(
            "uses TLS 1.0",
            FAIL,
            service="imaps",
            scenes=(presented("tls-version").says(b"a SELECT INBOX\r\n"),),
            rule="rejects-handshake",
            severity=Severity.HIGH,
            proof=-1,
        ),
        Row(
            "asks for capabilities in TLS 1.0",
            WARN,
            service="imaps",
            scenes=(presented("tls-version").says(b"a CAPABILITY\r\n").ends(),),
            says="looked at the handshake only after CAPABILITY",
        ),
        Row("finishes TLS 1.0 and leaves", PASS, service="imaps", scenes=(presented("tls-version").ends(),)),
    ),
    "handshake-stall": (
        Row("gives up", PASS, service="imaps", scenes=(Scene("imaps").misbehaves("tls-stalled").ends(),)),
        Row(
            "waits on",
            WARN,
            service="imaps",
            scenes=(Scene("imaps").misbehaves("tls-stalled"),),
            rule="gives-up-in-time",
            severity=Severity.LOW,
            proof=-1,
            known={"timed_out": True},
        ),
        Row(
            "waits for longer than it was told to",
            FAIL,
            service="imaps",
            scenes=(Scene("imaps").misbehaves("tls-stalled"),),
            rule="gives-up-in-time",
            severity=Severity.MEDIUM,
            proof=-1,
            known={"timed_out": True, "terms": Terms(bound=20.0)},
        ),
        Row(
            "waits until the server gives up",
            FAIL,
            service="imaps",
            scenes=(Scene("imaps").misbehaves("tls-stalled").ends("server"),),
            rule="gives-up-in-time",
            proof=-1,
            known={"terms": STRICTEST},
        ),
    ),
    "response-injection": (
        Row(
            "waits for the real answer",
            PASS,
            scenes=(injected().says(b"c CAPABILITY\r\n").ends(),),
            known={"control": trace(upgraded())},
        ),
        Row("breaks off", PASS, scenes=(imap().misbehaves("injection").ends(),), known={"control": trace(upgraded())}),
        Row(
            "goes on after the real answer",
            PASS,
            scenes=(injected().says(b"c CAPABILITY\r\n").hears(_CAPS).says(b"d NOOP\r\n"),),
            known={"control": trace(upgraded())},
        ),
        Row(
            "says goodbye when nothing comes",
            PASS,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGOUT\r\n"),),
            known={"control": trace(upgraded())},
        ),
        Row(
            "believes what was injected",
            FAIL,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGIN a b\r\n"),),
            rule="discards-what-came-before-tls",
            severity=Severity.CRITICAL,
            proof=-1,
            known={"control": trace(upgraded().says(b"c CAPABILITY\r\n"))},
        ),
        Row(
            "the same, opportunistic: no policy allows it",
            FAIL,
            policy=_OPPORTUNISTIC,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGIN a b\r\n"),),
            known={"control": trace(upgraded())},
        ),
        Row(
            "never waits for answers",
            INCONCLUSIVE,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGIN a b\r\n"),),
            known={"control": trace(upgraded().says(b"c CAPABILITY\r\n").says(b"d NOOP\r\n"))},
        ),
        Row(
            "hastens without a control run",
            INCONCLUSIVE,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGIN a b\r\n"),),
        ),
        Row(
            "hastens, the control run got nowhere",
            INCONCLUSIVE,
            scenes=(injected().says(b"c CAPABILITY\r\n").says(b"d LOGIN a b\r\n"),),
            known={"control": trace(imap())},
        ),
    ),
    "imap-greeting-preauth": (
        Row("closes on PREAUTH", PASS, scenes=(Scene().misbehaves("greeting").ends(),)),
        Row(
            "looks for STARTTLS first",
            PASS,
            scenes=(Scene().misbehaves("greeting").says(b"a CAPABILITY\r\n").says(b"b STARTTLS\r\n").ends(),),
        ),
        Row(
            "uses PREAUTH",
            FAIL,
            scenes=(Scene().misbehaves("greeting").says(b"a SELECT INBOX\r\n"),),
            rule="closes-on-preauth",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "the same, without TLS",
            INFO,
            policy=Policy.PLAINTEXT,
            scenes=(Scene().misbehaves("greeting").says(b"a SELECT INBOX\r\n"),),
        ),
    ),
    "auth-advertised-before-tls": (
        Row("starts TLS first", PASS, scenes=(upgraded().says(_LOGIN).logs_in().ends(),)),
        Row(
            "authenticates at once",
            FAIL,
            scenes=(imap().says(b"a AUTHENTICATE PLAIN\r\n"),),
            rule="upgrades-first",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "the same, opportunistic: TLS was offered",
            FAIL,
            policy=_OPPORTUNISTIC,
            scenes=(imap().says(b"a LOGIN x y\r\n").logs_in(),),
            rule="upgrades-first",
        ),
        Row("will not have such a server", FAIL, scenes=(imap().ends(),), rule="gets-through", severity=Severity.LOW),
    ),
    "good-trustme": (
        Row("gets through", PASS, scenes=(upgraded().misbehaves("certificate").says(_LOGIN).logs_in().ends(),)),
        Row(
            "gets through with mail only",
            PASS,
            service="smtp",
            scenes=(upgraded(Scene("smtp")).misbehaves("certificate").mail(b"hello").ends(),),
        ),
        Row(
            "gets through in clear only",
            FAIL,
            scenes=(imap().misbehaves("certificate").logs_in().ends(),),
            rule="gets-through",
        ),
    ),
    "auth-rejected": (
        Row("takes no for an answer", PASS, scenes=(rejected().ends(),)),
        Row("tries the same again", PASS, scenes=(rejected().says(b"d AUTHENTICATE SCRAM-SHA-1\r\n").ends(),)),
        Row(
            "tries a weaker mechanism inside TLS",
            WARN,
            scenes=(rejected().says(b"d LOGIN x y\r\n").ends(),),
            rule="no-weaker-retry",
            severity=Severity.MEDIUM,
            proof=-2,
        ),
        Row(
            "tries again in clear",
            FAIL,
            scenes=(rejected().ends(), imap().says(_LOGIN)),
            rule="no-weaker-retry",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "blurts out the password where TLS belongs",
            FAIL,
            service="imaps",
            scenes=(rejected().ends(), Scene("imaps").sends(b"PASS " + CANARY.password.encode())),
            rule="no-weaker-retry",
            proof=-1,
        ),
    ),
    "auth-454-transient": (
        Row("keeps its mail", PASS, service="submissions", scenes=(refused().says(b"QUIT\r\n").ends(),)),
        Row(
            "hands over its mail without a login",
            FAIL,
            service="submissions",
            scenes=(refused().says(b"MAIL FROM:<a@b>\r\n").mail(b"hello"),),
            rule="no-mail-after-rejected-login",
            severity=Severity.HIGH,
            says="handed over mail after its login was rejected (454)",
            proof=-1,
        ),
        Row(
            "hands it over at another connection",
            FAIL,
            service="submissions",
            scenes=(refused().ends(), Scene("submissions").tls().mail(b"hello")),
            rule="no-mail-after-rejected-login",
            proof=-1,
        ),
        Row(
            "logs in at last",
            PASS,
            service="submissions",
            scenes=(refused().says(b"AUTH PLAIN\r\n").logs_in().mail(b"hello").ends(),),
        ),
    ),
    "scram-bad-server-signature": (
        Row("cancels", PASS, scenes=(proved().line(b"*\r\n").ends(),)),
        Row("leaves", PASS, scenes=(proved().ends(),)),
        Row(
            "believes it and goes on",
            FAIL,
            scenes=(proved().line(b"\r\n").logs_in("SCRAM-SHA-256").says(b"d SELECT INBOX\r\n"),),
            rule="no-proceeding-after-wrong-proof",
            severity=Severity.CRITICAL,
            proof=-1,
        ),
        Row(
            "believes it and leaves",
            WARN,
            scenes=(proved().line(b"\r\n").logs_in("SCRAM-SHA-256").says(b"d LOGOUT\r\n").ends(),),
            rule="no-proceeding-after-wrong-proof",
        ),
        Row("does not speak SCRAM", INCONCLUSIVE, scenes=(upgraded().ends(),)),
    ),
    "scram-missing-server-final": (
        Row(
            "does not miss the proof",
            FAIL,
            scenes=(unproved().says(b"d SELECT INBOX\r\n"),),
            rule="no-proceeding-after-wrong-proof",
        ),
        Row("misses it and leaves", PASS, scenes=(unproved().says(b"d LOGOUT\r\n").ends(),)),
    ),
    "auth-success-without-exchange": (
        Row(
            "takes the success",
            FAIL,
            scenes=(unasked().says(b"d SELECT INBOX\r\n"),),
            rule="no-proceeding-after-wrong-proof",
        ),
        Row("takes none and leaves", PASS, scenes=(unasked().says(b"d LOGOUT\r\n").ends(),)),
    ),
    "imap-greeting-bad": (
        Row(
            "goes on behind a greeting that is none",
            FAIL,
            scenes=(greeted_wrong().sends(b"a CAPABILITY\r\n").says(b"a CAPABILITY\r\n"),),
            rule="stops-there",
        ),
        Row("says goodbye to a greeting that is none", PASS, scenes=(greeted_wrong().says(b"a LOGOUT\r\n").ends(),)),
    ),
    "injection-mechanism-downgrade": (
        Row("uses what is offered", PASS, scenes=(injected().says(b"d AUTHENTICATE SCRAM-SHA-256\r\n").ends(),)),
        Row(
            "uses a mechanism that only the injected list has",
            FAIL,
            scenes=(injected().says(b"d AUTHENTICATE PLAIN\r\n"),),
            rule="only-offered-mechanisms",
            severity=Severity.HIGH,
            proof=-1,
            says="used PLAIN, which is not offered inside TLS",
        ),
        Row(
            "sends the password by a command",
            FAIL,
            scenes=(injected().says(_LOGIN),),
            rule="only-offered-mechanisms",
        ),
    ),
    "logindisabled-inside-tls": (
        Row(
            "sends LOGIN all the same",
            FAIL,
            scenes=(
                upgraded().misbehaves("capabilities").hears(b"* CAPABILITY LOGINDISABLED\r\n").says(_LOGIN).logs_in(),
            ),
            rule="no-login-where-disabled",
            severity=Severity.MEDIUM,
            proof=-2,
        ),
        Row(
            "authenticates in another way",
            PASS,
            scenes=(upgraded().misbehaves("capabilities").says(b"c AUTHENTICATE PLAIN\r\n").logs_in().ends(),),
        ),
    ),
    "data-reply-250": (
        Row(
            "sends the message all the same",
            FAIL,
            service="smtp",
            scenes=(handing_over(b"250 OK\r\n").says(b"Subject: x\r\n", ""),),
            rule="mail-only-when-asked",
            severity=Severity.HIGH,
            proof=-1,
            says="sent the message, though DATA was not answered with a request for it",
        ),
        Row("resets", PASS, service="smtp", scenes=(handing_over(b"250 OK\r\n").says(b"RSET\r\n").ends(),)),
        Row(
            "sends what is no command behind mail that was asked for",
            PASS,
            service="smtp",
            scenes=(handing_over().mail(b"hi").misbehaves("reply").hears(b"250 OK\r\n").says(b"x\r\n", "").ends(),),
        ),
    ),
    "mailbox-full": (
        Row(
            "sends a literal that was refused",
            FAIL,
            scenes=(appended((b"d NO [OVERQUOTA]\r\n", "completion")).says(b"Subject: x\r\n", ""),),
            rule="mail-only-when-asked",
            proof=-1,
        ),
        Row(
            "sends one that was asked for, and then what is no command",
            PASS,
            scenes=(appended((b"+\r\n", "continuation")).hears(b"d OK\r\n").says(b"x\r\n", "").ends(),),
        ),
    ),
    "mail-refused-after-data": (
        Row(
            "sends it again",
            FAIL,
            service="smtp",
            scenes=(refused_mail().ends(), handing_over().mail(b"one")),
            rule="no-refused-mail-again",
            severity=Severity.LOW,
            proof=-1,
        ),
        Row(
            "sends another",
            PASS,
            service="smtp",
            scenes=(refused_mail().says(b"DATA\r\n").hears(b"354\r\n", "continuation").mail(b"two").ends(),),
        ),
    ),
    "uidvalidity-changed-mid-session": (
        Row(
            "changes a message by an old UID",
            FAIL,
            scenes=(selected_again().says(b"f UID STORE 1 +FLAGS (\\Deleted)\r\n", "UID STORE"),),
            rule="no-stale-uids",
            severity=Severity.HIGH,
            proof=-1,
        ),
        Row(
            "fetches the mailbox anew before",
            PASS,
            scenes=(
                selected_again()
                .says(b"f UID FETCH 1:* FLAGS\r\n", "UID FETCH")
                .hears(b"f OK\r\n")
                .says(b"g UID STORE 1 +FLAGS (\\Seen)\r\n", "UID STORE")
                .ends(),
            ),
        ),
        Row("changes nothing", PASS, scenes=(selected_again().says(b"f LOGOUT\r\n").ends(),)),
    ),
}
ROWS = [(scenario, row) for scenario, rows in TABLE.items() for row in rows]


@pytest.mark.parametrize(("scenario", "row"), ROWS, ids=[f"{scenario}: {row.what}" for scenario, row in ROWS])
def test_rule(scenario: str, row: Row) -> None:
    """The verdict, its rule, its severity and its proof are as the table says."""
    verdict = judged(scenario, row.service, *row.scenes, policy=row.policy, **row.known)
    assert verdict.outcome is row.outcome, verdict
    if row.outcome is PASS:
        assert verdict.findings == ()
    if row.rule:
        finding = verdict.findings[0]
        assert finding.rule == row.rule
        assert row.severity in (None, finding.severity)
        assert row.says in ("", finding.what)
        _check_proof(row, finding)


def _check_proof(row: Row, finding: Finding) -> None:
    if row.proof is None:
        return
    assert finding.evidence is not None
    last = row.scenes[-1].events
    assert finding.evidence.session == len(row.scenes)
    assert finding.evidence.event is last[row.proof]
    assert last[finding.evidence.index] is finding.evidence.event


def test_table_is_complete() -> None:
    """Every rule is broken somewhere in the table."""
    assert {row.rule for _, row in ROWS if row.rule} == RULES.keys()


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_words(rule: Rule) -> None:
    """A rule is one sentence about the client, with its source."""
    assert rule.sentence.endswith(".")
    assert rule.source
    assert rule.binding
    assert rule.severity is not Severity.NONE


def test_always() -> None:
    """What holds always exists."""
    assert set(ALWAYS) <= RULES.keys()
