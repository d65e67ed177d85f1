"""One event a line of JSON: how a transcript is stored and sent, and read back.

``{"session": 3, "started": "2026-11-23T12:00:00+00:00", "event": "CommandReceived", "at": 0.0123, …}``. Octets are
strings in Latin-1, one character per octet, so that a dialogue can be read in the file itself and nothing is lost.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from labserver.events import PlaintextDiscarded, TlsFacts

if TYPE_CHECKING:
    from datetime import datetime

    from labserver.events import Event

__all__ = ["encoded"]


def encoded(session: int, started: datetime, event: Event, *, secrets: bool = False) -> str:
    """Return the event as one line of JSON without a line end; credentials are masked unless ``secrets``."""
    fields: dict[str, object] = {"session": session, "started": started.isoformat(), "event": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, bytes):
            fields[field.name] = value.decode("latin-1")
        elif isinstance(value, TlsFacts):
            fields[field.name] = dataclasses.asdict(value)
        elif isinstance(value, float):
            fields[field.name] = round(value, 6)
        else:
            fields[field.name] = value
    masked = fields.pop("masked", None)
    if isinstance(masked, str) and not secrets:
        if "size" in fields and fields["size"] == len(str(fields["data"])):
            fields["size"] = len(masked)  # it is whole; a different size would say that something was left out
        fields["data" if "data" in fields else "description"] = masked
    if (fields.get("encrypted") is False or isinstance(event, PlaintextDiscarded)) and not secrets:
        fields["data"] = ""  # octets in clear hold credentials wherever the dialogue does
    return json.dumps(fields, separators=(",", ":"))
