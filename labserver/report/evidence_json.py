"""Traces as JSON, and back, with nothing lost: octets are strings in Latin-1, and an event names the secret it held.

A session has its number, when it began, how many events were left out, and its events: ``{"event": "CommandReceived",
"at": 0.0123, …}``. An event's ``secret`` is ``{"exposure": "password", "form": "in base64", "secure": true}``; what the
secret is stands nowhere.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from labserver import events
from labserver.verdicts.canary import Exposure
from labserver.verdicts.sightings import Sighting
from labserver.verdicts.trace import Session, Trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KINDS", "session_record", "trace_of_records"]

KINDS: dict[str, type[events.Event]] = {
    name: kind
    for name in events.__all__
    if isinstance(kind := getattr(events, name), type) and issubclass(kind, events.Event) and kind is not events.Event
}
"""Every kind of event by its name."""
_MASKED = {"InternalFault": "description"}
"""The field for which ``masked`` stands, where that is not ``data``."""


def session_record(session: Session) -> dict[str, object]:
    """Return a session as JSON has it."""
    seen = {sighting.index: sighting for sighting in session.sightings}
    return {
        "number": session.number,
        "started": session.started.isoformat(),
        "elided": session.elided,
        "events": [_event_record(event, seen.get(index)) for index, event in enumerate(session.events)],
    }


def _event_record(event: events.Event, seen: Sighting | None) -> dict[str, object]:
    told: dict[str, object] = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if field.name == "masked":
            if value is not None:
                told[_MASKED.get(type(event).__name__, "data")] = _plain(value)
        elif field.name not in told:
            told[field.name] = _plain(value)
    if seen is not None:
        told["secret"] = {"exposure": seen.exposure.name.lower(), "form": seen.form, "secure": seen.secure}
    return told


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, events.TlsFacts):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        return list(value)
    return round(value, 6) if isinstance(value, float) else value


def trace_of_records(records: Sequence[Mapping[str, Any]]) -> Trace:
    """Return the trace of sessions as JSON has them; raises KeyError, TypeError or ValueError for others."""
    return Trace(sessions=tuple(map(_session, records)))


def _session(record: Mapping[str, Any]) -> Session:
    seen = [_sighting(index, event["secret"]) for index, event in enumerate(record["events"]) if "secret" in event]
    return Session(
        number=record["number"],
        started=datetime.fromisoformat(record["started"]),
        elided=record["elided"],
        events=tuple(map(_event, record["events"])),
        sightings=tuple(seen),
    )


def _sighting(index: int, secret: Mapping[str, Any]) -> Sighting:
    return Sighting(
        index=index, exposure=Exposure[secret["exposure"].upper()], form=secret["form"], secure=secret["secure"]
    )


def _event(record: Mapping[str, Any]) -> events.Event:
    kind = KINDS[record["event"]]
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        shown = _MASKED.get(kind.__name__, "data") if field.name == "masked" else field.name
        masks = field.name == "masked" and field.type == "bytes | None"
        values[field.name] = None if masks else _read(str(field.type), record[shown])
    return kind(**values)


def _read(annotation: str, value: Any) -> Any:  # noqa: ANN401 -- a field of whatever type
    if annotation == "bytes":
        return value.encode("latin-1")
    if annotation == "TlsFacts":
        return events.TlsFacts(**value)
    return tuple(value) if annotation == "tuple[str, ...]" else value
