"""Claims about alerts in clear."""

from __future__ import annotations

import pytest

from labserver.tls.alerts import ALERTS, alert_in_clear
from labserver.tls.engine import alert_name


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x15\x03\x03\0\x02\x02\x46", "protocol_version"),
        (b"\x15\x03\x01\0\x02\x02\x30", "unknown_ca"),
        (b"\x15\x03\x01\0\x02\x01\0" + b"\x15\x03\x01\0\x02\x02\x30", "close_notify"),
        (b"\x15\x03\x03\0\x02\x02\xff", ""),  # no alert has that number
        (b"\x15\x03\x03\0\x02\x02", ""),
        (b"\x15\x03\x03\0\x1a\x02\x46" + bytes(24), ""),  # encrypted
        (b"\x16\x03\x03\0\x02\x02\x46", ""),
        (b"\x15\x02\x03\0\x02\x02\x46", ""),
        (b"", ""),
    ],
)
def test_alert_in_clear(data: bytes, name: str) -> None:
    """A segment that begins with a whole alert in clear tells its name; nothing else does."""
    assert alert_in_clear(data) == name


def test_names() -> None:
    """The names are those that the engines read from their libraries' words."""
    assert all(alert_name(f"tlsv1 alert {name.replace('_', ' ')}") == name for name in ALERTS.values())
