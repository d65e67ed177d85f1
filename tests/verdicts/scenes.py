"""Traces written by hand: what a client says and hears, a step a line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labserver import events
from labserver.services import SERVICES
from labserver.verdicts.canary import Canary
from labserver.verdicts.finding import Context
from labserver.verdicts.judge import Verdict, judge
from labserver.verdicts.policy import default_policy
from labserver.verdicts.sightings import sightings
from labserver.verdicts.subject import subject_of
from labserver.verdicts.trace import Session, Trace
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from labserver.verdicts.policy import Policy

CANARY = Canary(user="canary-1a2b", password='Sing "5" \\o/ päss', token="ya29.token")
CONTEXT = Context(seconds=20.0)
_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_FACTS = events.TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")


class Scene:
    """One session in the making; each method adds an event and returns the scene."""

    def __init__(self, service: str = "imap") -> None:
        self.secure = False
        self.events: list[events.Event] = [
            events.Connected(at=0.0, service=service, scenario="good", peer="127.0.0.1 port 1", local="127.0.0.1")
        ]

    @property
    def at(self) -> float:
        """When the next event happens."""
        return len(self.events) / 10

    def says(self, data: bytes, verb: str | None = None) -> Scene:
        """Have the client send a command; IMAP's verb is the second word."""
        words = data.split()
        if verb is None:
            verb = words[min(1, len(words) - 1) if data[:1].islower() else 0].decode().upper() if words else ""
        self.events.append(
            events.CommandReceived(
                at=self.at, verb=verb, data=data, masked=b"masked", secure=self.secure, size=len(data)
            )
        )
        return self

    def line(self, data: bytes) -> Scene:
        """Have the client send a line inside a command."""
        self.events.append(events.LineReceived(at=self.at, data=data, masked=b"****\r\n", secure=self.secure))
        return self

    def mail(self, data: bytes) -> Scene:
        """Have the client send mail."""
        self.events.append(events.DataReceived(at=self.at, data=data, size=len(data), secure=self.secure))
        return self

    def hears(self, data: bytes, kind: str = "completion") -> Scene:
        """Have the server reply."""
        self.events.append(events.ReplySent(at=self.at, kind=kind, data=data, secure=self.secure, size=len(data)))
        return self

    def sends(self, data: bytes) -> Scene:
        """Have octets arrive from the network."""
        self.events.append(events.RawReceived(at=self.at, data=data, size=len(data), encrypted=False))
        return self

    def pipelines(self, data: bytes) -> Scene:
        """Have octets behind STARTTLS discarded."""
        self.events.append(events.PlaintextDiscarded(at=self.at, data=data, size=len(data)))
        return self

    def misbehaves(self, facet: str) -> Scene:
        """Have the fault reach the client."""
        self.events.append(events.Misbehaved(at=self.at, scenario="x", facet=facet))
        return self

    def tls(self) -> Scene:
        """Finish the handshake."""
        self.events.append(events.TlsEstablished(at=self.at, facts=_FACTS))
        self.secure = True
        return self

    def logs_in(self, mechanism: str = "PLAIN") -> Scene:
        """Have the client authenticated."""
        self.events.append(
            events.AuthenticationSucceeded(at=self.at, account="canary", mechanism=mechanism, secure=self.secure)
        )
        return self

    def tolerated(self, what: str) -> Scene:
        """Have the server overlook something."""
        self.events.append(events.Tolerated(at=self.at, what=what))
        return self

    def ends(self, by: str = "client") -> Scene:
        """Close the connection."""
        self.events.append(events.Disconnected(at=self.at, by=by, clean=True))
        return self


def trace(*scenes: Scene, canary: Canary = CANARY) -> Trace:
    """Return the trace of these sessions."""
    return Trace(
        sessions=tuple(
            Session(
                number=number,
                started=_STARTED,
                events=tuple(scene.events),
                sightings=tuple(sightings(canary, scene.events)),
            )
            for number, scene in enumerate(scenes, start=1)
        )
    )


def judged(
    scenario: str,
    service: str,
    *scenes: Scene,
    policy: Policy | None = None,
    **known: Any,  # noqa: ANN401 -- fields of the context
) -> Verdict:
    """Return the verdict on sessions; ``known`` replaces parts of the context."""
    one = SERVICES[service]
    context = replace(CONTEXT, **known)
    return judge(subject_of(CATALOGUE[scenario]), one, policy or default_policy(one), trace(*scenes), context)
