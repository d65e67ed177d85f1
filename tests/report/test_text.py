"""A transcript for people: each event is its lines; nothing in it can disturb a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver import events
from labserver.report.ndjson import encoded
from labserver.report.text import _SHOWN, lines

_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_FACTS = events.TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")
_FULL = events.TlsFacts(
    version="TLSv1.2", cipher="X", group="x25519", server_name="mail.lab.test", client_certificate="ab"
)


def _shown(event: events.Event, *, raw: bool = False, secrets: bool = False) -> list[str]:
    """Return the lines without session number and time, which all have."""
    out = list(lines(json.loads(encoded(12, _STARTED, event, secrets=secrets)), raw=raw))
    prefix = f"  12 {event.at:9.4f} "
    assert all(line.startswith(prefix) for line in out)
    return [line.removeprefix(prefix) for line in out]


def _command(data: bytes, *, secure: bool = True, size: int | None = None) -> events.CommandReceived:
    return events.CommandReceived(
        at=1.25, verb="X", data=data, masked=data, secure=secure, size=len(data) if size is None else size
    )


def _reply(data: bytes, *, secure: bool = True) -> events.ReplySent:
    return events.ReplySent(at=1.25, kind="completion", data=data, secure=secure, size=len(data))


def _challenge(data: bytes) -> events.ReplySent:
    return events.ReplySent(at=1.25, kind="continuation", data=data, secure=True, size=len(data))


_TABLE: list[tuple[events.Event, list[str]]] = [
    (_command(b"a NOOP\r\n"), [" C: a NOOP"]),
    (_command(b"a NOOP\r\n", secure=False), ["!C: a NOOP"]),
    (_command(b"a NOOP\n"), [" C: a NOOP⏎  (no line end)"]),
    (_command(b"a NOOP"), [" C: a NOOP  (no line end)"]),
    (_command(b"a X {3}\r\nabc\r\n"), [" C: a X {3}", " C: abc"]),
    (_command(b"\x1b[31mred\x07\r\n"), [r" C: \x1b[31mred\x07"]),
    (_command("gr\u00fc\u00dfe\r\n".encode()), [" C: gr\u00fc\u00dfe"]),
    (_command(b"\xff\r\n"), [" C: \ufffd"]),
    (_command(b"BDAT 9", size=5000), [" C: BDAT 9  (no line end)", " C:  … 5000 octets in all"]),
    (_reply(b"250-a\r\n250 b\r\n"), [" S: 250-a", " S: 250 b"]),
    (_reply(b"220 hi\r\n", secure=False), ["!S: 220 hi"]),
    (_challenge(b"334 VXNlcm5hbWU6\r\n"), [" S: 334 VXNlcm5hbWU6", "-- challenge: Username:"]),
    (_challenge(b"+ PDEuMkBsYWIudGVzdD4=\r\n"), [" S: + PDEuMkBsYWIudGVzdD4=", "-- challenge: <1.2@lab.test>"]),
    (_challenge(b"+ idling\r\n"), [" S: + idling"]),
    (_challenge(b"334 \r\n"), [" S: 334 "]),
    (_challenge(b"+ //79/A==\r\n"), [" S: + //79/A=="]),
    (_reply(b"+ VXNlcm5hbWU6\r\n"), [" S: + VXNlcm5hbWU6"]),
    (
        events.LineReceived(at=0.0, data=b"s3cret\r\n", masked=b"****\r\n", secure=True),
        [" C: ****"],
    ),
    (events.DataReceived(at=0.0, data=b"x\r\n", size=3, secure=True), [" C: x"]),
    (
        events.MailDelivered(
            at=0.0,
            envelope={
                "sender": "a@b",
                "recipients": [{"address": "c@d", "account": "catchall"}, {"address": "e@f", "account": None}],
            },
            size=7,
        ),
        ["-- delivered: <a@b> to <c@d>, to the account catchall", "-- delivered: <a@b> to <e@f>, to nobody"],
    ),
    (events.Tolerated(at=0.0, what="MAIL with no domain"), ["-- tolerated: MAIL with no domain"]),
    (
        events.Connected(at=0.0, service="imap", peer="127.0.0.1 port 5", local="", scenario=""),
        ["-- imap: 127.0.0.1 port 5 connected, 2026-11-23T12:00:00+00:00"],
    ),
    (events.TlsStarted(at=0.0), ["-- TLS: waiting for the handshake"]),
    (events.TlsEstablished(at=0.0, facts=_FACTS), ["-- TLS: TLSv1.3 TLS_AES_128_GCM_SHA256, no SNI"]),
    (
        events.TlsEstablished(at=0.0, facts=_FULL),
        ["-- TLS: TLSv1.2 X x25519, asked for mail.lab.test, client certificate"],
    ),
    (
        events.TlsFailed(at=0.0, reason="tlsv1 alert unknown ca", alert="unknown_ca"),
        ["-- TLS handshake failed: tlsv1 alert unknown ca (the client sent the alert unknown_ca)"],
    ),
    (events.TlsFailed(at=0.0, reason="bad mac", during_handshake=False), ["-- TLS failed: bad mac"]),
    (
        events.PlaintextDiscarded(at=0.0, data=b"EHLO evil\r\n", size=11),
        ["-- 11 octets pipelined in clear behind STARTTLS were discarded"],
    ),
    (
        events.AuthenticationSucceeded(at=0.0, account="alice", mechanism="PLAIN", secure=True),
        ["-- authenticated as alice by PLAIN"],
    ),
    (
        events.AuthenticationSucceeded(at=0.0, account="", mechanism="ANONYMOUS", secure=False),
        ["-- authenticated as nobody by ANONYMOUS IN CLEAR"],
    ),
    (
        events.AuthenticationFailed(at=0.0, mechanism="X-PLUS", reason="no", secure=True, remedy="use X"),
        ["-- authentication by X-PLUS failed: no", "-- use X"],
    ),
    (
        events.AuthenticationFailed(at=0.0, mechanism="LOGIN", reason="credentials not accepted", secure=False),
        ["-- authentication by LOGIN IN CLEAR failed: credentials not accepted"],
    ),
    (
        events.InternalFault(at=0.0, description="KeyError: 1", masked="KeyError in f (x.py, line 1)"),
        ["-- THE LAB FAILED (please report this): KeyError in f (x.py, line 1)"],
    ),
    (
        events.Disconnected(at=0.0, by="client", clean=True, received=10, sent=20),
        ["-- closed by client (10 octets received, 20 sent)"],
    ),
    (
        events.Disconnected(at=0.0, by="server", clean=False, reason="idle", received=1, sent=2),
        ["-- closed by server, without close_notify: idle (1 octets received, 2 sent)"],
    ),
]


@pytest.mark.parametrize(("event", "expected"), _TABLE)
def test_lines(event: events.Event, expected: list[str]) -> None:
    """Each event reads as the table says; ``!`` marks what was said in clear."""
    assert _shown(event) == expected


def test_octets_of_the_network() -> None:
    """Raw octets are shown when they are asked for, in hexadecimal, the first of them."""
    received = events.RawReceived(at=0.0, data=b"\x16\x03\x01", size=3, encrypted=True)
    sent = events.RawSent(at=0.0, data=bytes(40), size=4000, encrypted=True)
    clear = events.RawReceived(at=0.0, data=b"PASS s3cret\r\n", size=13, encrypted=False)
    assert _shown(received) == _shown(sent) == []
    assert _shown(received, raw=True) == [">> 3 octets 16 03 01"]
    assert _shown(clear, raw=True) == [">> 13 octets in clear"]
    assert _shown(sent, raw=True) == ["<< 4000 octets " + " ".join(["00"] * 32) + " …"]


def test_long_answers() -> None:
    """The first lines of a long answer are shown, the rest is counted."""
    out = _shown(_reply(b"".join(b"* %d EXISTS\r\n" % number for number in range(100))))
    assert len(out) == 41
    assert out[39] == " S: * 39 EXISTS"
    assert out[40] == " S:  … 60 more lines"


def test_every_event_has_lines() -> None:
    """No kind of event is forgotten."""
    assert set(events.__all__) - {"Event", "TlsFacts"} <= set(_SHOWN)


@pytest.mark.parametrize("record", [{}, {"event": "Unheard"}, {"event": "Connected"}, {"event": "Disconnected"}])
def test_records_of_another_version(record: dict[str, object]) -> None:
    """What a file of another version has more, or less, does not stop the reading."""
    list(lines(record))


@given(st.binary(max_size=200))
def test_nothing_disturbs_a_terminal(data: bytes) -> None:
    """Whatever a client sends, what is printed has no control characters."""
    text = data.decode("latin-1")
    failed = events.AuthenticationFailed(at=0.0, mechanism=text, reason="no", secure=True)
    for line in _shown(_command(data)) + _shown(failed):
        assert not [char for char in line if (ord(char) < 0x20 and char != "\t") or 0x7F <= ord(char) < 0xA0]
