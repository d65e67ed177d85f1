"""One event a line: every field is there, octets survive, and credentials do not unless they are asked for."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from labserver import events
from labserver.report.ndjson import encoded

_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_ALL_OCTETS = bytes(range(256))
_EVENTS = [getattr(events, name) for name in events.__all__ if name not in ("Event", "TlsFacts")]


def _decoded(event: events.Event, *, secrets: bool = False) -> dict[str, object]:
    line = encoded(7, _STARTED, event, secrets=secrets)
    assert "\n" not in line
    fields: dict[str, object] = json.loads(line)
    return fields


def _made(kind: type[events.Event]) -> events.Event:
    """Return an event of the kind with something in each field."""
    samples: dict[str, Any] = {
        "float": 1.5,
        "str": "text",
        "bytes": b"octets",
        "bytes | None": b"masked",
        "int": 6,
        "bool": True,
        "tuple[str, ...]": ("a", "b"),
        "TlsFacts": events.TlsFacts(version="TLSv1.3", cipher="AES"),
        "Mapping[str, object]": {"sender": "a@b", "recipients": [{"account": None}]},
    }
    return kind(**{field.name: samples[str(field.type)] for field in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", _EVENTS)
def test_every_event(kind: type[events.Event]) -> None:
    """Every kind of event can be written, with the fields it has."""
    fields = _decoded(_made(kind), secrets=True)
    assert (fields["session"], fields["started"], fields["event"]) == (7, "2026-11-23T12:00:00+00:00", kind.__name__)
    expected = {field.name for field in dataclasses.fields(kind)} - {"masked"}
    assert fields.keys() - {"session", "started", "event"} == expected


def test_octets_survive() -> None:
    """Octets are Latin-1 characters, one each, so that nothing is lost and much can be read."""
    event = events.ReplySent(at=0.1234567, kind="untagged", data=_ALL_OCTETS, secure=True, size=256)
    fields = _decoded(event)
    assert str(fields["data"]).encode("latin-1") == _ALL_OCTETS
    assert fields["at"] == 0.123457
    assert "Subject: x" in encoded(1, _STARTED, dataclasses.replace(event, data=b"Subject: x"))


def test_lines_end_where_they_should() -> None:
    """No octet looks like a line's end to those who read lines."""
    event = events.ReplySent(at=0.0, kind="untagged", data=_ALL_OCTETS, secure=True, size=256)
    assert len(encoded(1, _STARTED, event).split("\n")) == 1


_SECRETS = [
    events.CommandReceived(at=0, verb="PASS", data=b"PASS s3cret\r\n", masked=b"PASS ****\r\n", secure=True, size=13),
    events.LineReceived(at=0, data=b"s3cret\r\n", masked=b"****\r\n", secure=False),
    events.RawReceived(at=0, data=b"PASS s3cret\r\n", size=13, encrypted=False),
    events.RawSent(at=0, data=b"s3cret", size=6, encrypted=False),
    events.PlaintextDiscarded(at=0, data=b"PASS s3cret\r\n", size=13),
    events.ReplySent(at=0, kind="completion", data=b"s3cret BAD\r\n", masked=b"**** BAD\r\n", secure=True, size=12),
    events.InternalFault(at=0, description="KeyError: 's3cret'", masked="KeyError"),
]


@pytest.mark.parametrize("event", _SECRETS, ids=lambda event: type(event).__name__)
def test_credentials(event: events.Event) -> None:
    """What may hold a credential is written masked or empty, and whole when that is asked for."""
    assert "s3cret" not in encoded(1, _STARTED, event)
    assert "s3cret" in encoded(1, _STARTED, event, secrets=True)
    assert "masked" not in _decoded(event, secrets=True)


def test_encrypted_octets_are_shown() -> None:
    """What crossed the network inside TLS tells nothing, so it is shown."""
    event = events.RawReceived(at=0, data=b"\x17\x03\x03", size=3, encrypted=True)
    assert _decoded(event)["data"] == "\x17\x03\x03"


def test_a_masked_command_is_whole() -> None:
    """The size of what is shown tells apart what was masked from what was cut short."""
    whole, cut = _SECRETS[0], dataclasses.replace(_SECRETS[0], size=5000)  # type: ignore[call-arg]  # it is a command
    assert _decoded(whole)["size"] == len(str(_decoded(whole)["data"]))
    assert _decoded(cut)["size"] == 5000


def test_facts_are_an_object() -> None:
    """What a handshake agreed on is nested."""
    facts = events.TlsFacts(version="TLSv1.3", cipher="AES", server_name="mail.lab.test")
    shown = _decoded(events.TlsEstablished(at=0.0, facts=facts))["facts"]
    assert shown == dataclasses.asdict(facts)
