"""Odd greetings, odd answers to logins and to what comes after them: as seen from outside, octet for octet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.services import ProtocolName
from tests.scenarios.places import Way, place
from tests.scenarios.wire import Wire

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

_ENTER = {
    ProtocolName.SMTP: (b"EHLO client.example\r\n", b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
    ProtocolName.IMAP: (b"a1 LOGIN alice secret\r\n", b"a2 SELECT INBOX\r\n"),
    ProtocolName.POP3: (b"USER alice\r\n", b"PASS secret\r\n"),
}
"""What logs in, and opens the mailbox."""
GREETINGS = {
    ("smtp-greeting-554", "smtp"): b"554 No SMTP service here\r\n",
    ("smtp-greeting-354", "submission"): b"354 Start mail input\r\n",
    ("smtp-greeting-mixed-codes", "smtp"): b"220-localhost\r\n554 No SMTP service here\r\n",
    ("smtp-greeting-multiline", "smtp"): b"220-localhost ESMTP\r\n220-more\r\n220 end\r\n",
    ("imap-greeting-bad", "imap"): b"* BAD what do you want\r\n",
    ("imap-greeting-tagged", "imap"): b"A1 OK ready\r\n",
    ("imap-greeting-invalid", "imap"): b"hello there\r\n",
    ("pop3-greeting-err", "pop3"): b"-ERR [SYS/TEMP] come back later\r\n",
}
ANSWERS = {
    ("auth-454-transient", "submissions"): (
        b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
        b"454 4.7.0 Temporary authentication failure\r\n",
    ),
    ("auth-reply-250", "submissions"): (b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", b"250 2.0.0 OK\r\n"),
    ("auth-privacy-required", "imaps"): (
        b"a1 LOGIN alice secret\r\n",
        b"a1 NO [PRIVACYREQUIRED] Connection offers no privacy\r\n",
    ),
    ("login-referral", "imaps"): (
        b"a1 LOGIN alice secret\r\n",
        b"a1 NO [REFERRAL IMAP://canary;AUTH=*@referral.lab.test/] Specified user is invalid on this server\r\n",
    ),
    ("pop3-login-in-use", "pop3s"): (b"PASS secret\r\n", b"-ERR [IN-USE] Do you have another POP session running?\r\n"),
}
"""A command inside TLS, before anybody is logged in, and all that it gets."""
AFTERWARDS = {
    ("status-without-text", "imaps"): (b"a3 NOOP\r\n", b"a3 OK\r\n"),
    ("uid-set-bomb", "imaps"): (b"a3 NOOP\r\n", b"a3 OK [COPYUID 1 1:4294967295 1:4294967295] done\r\n"),
    ("appenduid-unexpected", "imaps"): (b"a3 NOOP\r\n", b"a3 OK [APPENDUID 1 1] done\r\n"),
    ("literal-zero", "imaps"): (b"a3 FETCH 1 BODY[]\r\n", b"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\na3 OK done\r\n"),
    ("literal-huge-declared", "imaps"): (
        b"a3 FETCH 1 BODY[]\r\n",
        b"* 1 FETCH (UID 1 BODY[] {4294967295}\r\nSubject: short\r\n\r\n)\r\na3 OK done\r\n",
    ),
    ("pop3-stat-list-lies", "pop3s"): (b"STAT\r\n", b"+OK -1 99999999999\r\n"),
    ("smtp-unsolicited-reply", "submissions"): (
        b"MAIL FROM:<alice@lab.test>\r\n",
        b"250 2.1.0 Sender accepted\r\n250 2.1.5 OK\r\n",
    ),
}
"""A command of somebody who is logged in, and all that it gets."""


def _lines(wire: Wire, expected: bytes) -> bytes:
    return b"".join(wire.line() for _ in range(expected.count(b"\n")))


@pytest.mark.parametrize(("scenario", "service"), GREETINGS)
def test_greeting(stage: LabProcess, scenario: str, service: str) -> None:
    """It is greeted like this."""
    expected = GREETINGS[scenario, service]
    with Wire(place(stage, scenario, service, Way.ADDRESS)) as wire:
        said = wire.greeting
        assert said + b"".join(wire.line() for _ in range(expected.count(b"\n") - 1)) == expected


@pytest.mark.parametrize(("scenario", "service"), ANSWERS)
def test_answer(stage: LabProcess, scenario: str, service: str) -> None:
    """A login gets this."""
    command, expected = ANSWERS[scenario, service]
    with Wire(place(stage, scenario, service, Way.LEASE)).secured() as wire:
        if wire.where.service.protocol is not ProtocolName.IMAP:
            wire.ask(_ENTER[wire.where.service.protocol][0])
        wire.send(command)
        assert _lines(wire, expected) == expected


@pytest.mark.parametrize(("scenario", "service"), AFTERWARDS)
def test_afterwards(stage: LabProcess, scenario: str, service: str) -> None:
    """Who is logged in gets this."""
    command, expected = AFTERWARDS[scenario, service]
    with Wire(place(stage, scenario, service, Way.ADDRESS)).secured() as wire:
        for word in _ENTER[wire.where.service.protocol]:
            wire.ask(word)
        wire.send(command)
        assert _lines(wire, expected) == expected
