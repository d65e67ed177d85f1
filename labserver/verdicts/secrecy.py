"""Rules about what is said without TLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver import events
from labserver.scenario import Severity
from labserver.verdicts.canary import Exposure
from labserver.verdicts.deeds import AUTHENTICATION, DISCOVERY, HARMLESS, attempts, discovers
from labserver.verdicts.finding import Breach, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Session

__all__ = [
    "authentication_in_clear",
    "beyond_discovery",
    "mail_after_rejection",
    "preauth_used",
    "secret_in_clear",
    "weaker_retry",
]

_NAME = re.compile(r"[!-~]{1,32}")
"""A verb that can be told: garbage has others."""

_EXPOSED = {
    Exposure.PASSWORD: ("sent the password in clear", Severity.CRITICAL, Outcome.FAIL),
    Exposure.DIGEST: ("sent a digest of the password in clear", Severity.HIGH, Outcome.FAIL),
    Exposure.NAME: ("sent the user's name in clear", Severity.LOW, Outcome.WARN),
}


def secret_in_clear(inquiry: Inquiry) -> Iterator[Breach]:
    """Find the canary outside TLS."""
    for session in inquiry.trace.sessions:
        for sighting in session.sightings:
            if not sighting.secure:
                what, severity, outcome = _EXPOSED[sighting.exposure]
                yield Breach(
                    what=f"{what}, {sighting.form}" if sighting.form != "as it is" else what,
                    evidence=session.evidence(sighting.index),
                    severity=severity,
                    outcome=outcome,
                )


def beyond_discovery(inquiry: Inquiry) -> Iterator[Breach]:
    """Find commands and data in clear that are neither discovery nor the way to TLS."""
    for session in inquiry.trace.sessions:
        for evidence, event in session.spoken(secure=False):
            if not isinstance(event, events.CommandReceived):
                if isinstance(event, events.DataReceived):
                    yield Breach(what="sent mail in clear", evidence=evidence, severity=Severity.CRITICAL)
            elif event.verb in HARMLESS:
                yield Breach(
                    what=f"sent {event.verb} in clear", evidence=evidence, severity=Severity.LOW, outcome=Outcome.WARN
                )
            elif not discovers(event):
                named = event.verb if _NAME.fullmatch(event.verb) else "something"
                yield Breach(what=f"sent {named} in clear", evidence=evidence)


def authentication_in_clear(inquiry: Inquiry) -> Iterator[Breach]:
    """Find authentication outside TLS where TLS was to be had."""
    for session in inquiry.trace.sessions:
        for evidence, event in session.spoken(secure=False):
            if not isinstance(event, events.CommandReceived) or discovers(event):
                continue
            if event.verb in AUTHENTICATION:
                yield Breach(what=f"sent {event.verb} without starting TLS, which was offered", evidence=evidence)
                break


def preauth_used(inquiry: Inquiry) -> Iterator[Breach]:
    """Find use made of a session that PREAUTH opened in clear; asking for TLS all the same is not use."""
    for session in inquiry.trace.afflicted():
        for evidence, event in session.spoken(secure=False):
            if isinstance(event, events.CommandReceived) and event.verb in DISCOVERY | HARMLESS:
                continue
            yield Breach(what="went on with the session instead of closing it", evidence=evidence)
            break


def mail_after_rejection(inquiry: Inquiry) -> Iterator[Breach]:
    """Find mail that was handed over although the login before it was rejected, and none has succeeded since."""
    code = ""
    for session in inquiry.trace.sessions:
        for evidence in session.each(events.LoginRejected, events.AuthenticationSucceeded, events.DataReceived):
            event = evidence.event
            if isinstance(event, events.LoginRejected):
                code = event.code
            elif isinstance(event, events.AuthenticationSucceeded):
                code = ""
            elif code:
                yield Breach(what=f"handed over mail after its login was rejected ({code})", evidence=evidence)
                return


_STRENGTHS = (
    (re.compile("SCRAM-.*-PLUS|EXTERNAL"), 3),
    (re.compile("SCRAM-.*"), 2),
    (re.compile("CRAM-MD5|APOP"), 1),
)
"""Password mechanisms by what an eavesdropping or lying server learns; the others tell it the password."""


def weaker_retry(inquiry: Inquiry) -> Iterator[Breach]:
    """Find attempts after the rejection that are weaker than the one that was rejected."""
    strongest, rejected_in_tls = -1, False
    for session in inquiry.trace.sessions:
        for evidence, mechanism, secure in attempts(session):
            strength = next((rank for pattern, rank in _STRENGTHS if pattern.fullmatch(mechanism)), 0)
            if rejected_in_tls and not secure:
                yield Breach(what=f"tried again with {mechanism} in clear", evidence=evidence)
            elif strength < strongest:
                yield Breach(
                    what=f"tried again with {mechanism}, which is weaker",
                    evidence=evidence,
                    severity=Severity.MEDIUM,
                    outcome=Outcome.WARN,
                )
            strongest, rejected_in_tls = max(strongest, strength), rejected_in_tls or secure
        if rejected_in_tls:
            yield from _blurted(session)


def _blurted(session: Session) -> Iterator[Breach]:
    """Find the password in clear where no command was made of it: on a port that speaks nothing but TLS."""
    for sighting in session.sightings:
        if sighting.exposure > Exposure.NAME and not sighting.secure:
            yield Breach(what="tried again in clear", evidence=session.evidence(sighting.index))
