"""Lists of capabilities and mechanisms: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.dialogues.exchange import Reply
from labserver.misbehaviours.chain import Tell
from tests.misbehaviours.kinds.rows import (
    OK,
    InGreeting,
    made,
    named,
    over_the_greeting,
    plain,
    refused,
    through,
)
from tests.misbehaviours.stage import command, moment

GREETED = [
    InGreeting(
        "capabilities",
        {"hide": ["STARTTLS"]},
        "imap",
        [b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"],
    ),
    InGreeting("mechanisms", {"only": ["X"]}, "imap", [b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=X] ready\r\n"]),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)


EHLO = b"250-lab.test\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"
CAPABILITY = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=SCRAM-SHA-256 AUTH=PLAIN IDLE\r\n"
CAPA = b"+OK list\r\nTOP\r\nSTLS\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n"
LISTS = {
    "smtp": (b"EHLO x", Reply.completion(EHLO, "250")),
    "imap": (b"a1 CAPABILITY", Reply.untagged(CAPABILITY)),
    "pop3": (b"CAPA", Reply.completion(CAPA, "+OK")),
}
LISTED_AS: list[tuple[str, dict[str, Any], str, bytes]] = [
    ("capabilities", {"hide": ["starttls"]}, "smtp", EHLO.replace(b"250-STARTTLS\r\n", b"")),
    ("capabilities", {"hide": ["STARTTLS"]}, "imap", CAPABILITY.replace(b" STARTTLS", b"")),
    ("capabilities", {"hide": ["STARTTLS"]}, "pop3", CAPA.replace(b"STLS\r\n", b"")),
    ("capabilities", {"rename": {"STARTTLS": "XXXXXXXA"}}, "smtp", EHLO.replace(b"STARTTLS", b"XXXXXXXA")),
    ("capabilities", {"rename": {"STARTTLS": "XTLS"}}, "pop3", CAPA.replace(b"STLS", b"XTLS")),
    ("capabilities", {"add": ["LOGINDISABLED"]}, "imap", CAPABILITY.replace(b" IDLE", b" IDLE LOGINDISABLED")),
    ("capabilities", {"hide": ["AUTH*"]}, "imap", b"* CAPABILITY IMAP4rev1 STARTTLS IDLE\r\n"),
    ("capabilities", {"only": []}, "smtp", b"250 lab.test\r\n"),
    ("capabilities", {"only": ["STARTTLS", "X"]}, "pop3", b"+OK list\r\nSTLS\r\nX\r\n.\r\n"),
    ("mechanisms", {"hide": ["SCRAM-*"]}, "smtp", EHLO.replace(b" SCRAM-SHA-256", b"")),
    ("mechanisms", {"hide": ["SCRAM-*"]}, "imap", CAPABILITY.replace(b" AUTH=SCRAM-SHA-256", b"")),
    ("mechanisms", {"hide": ["*"]}, "pop3", CAPA.replace(b"SASL SCRAM-SHA-256 PLAIN\r\n", b"")),
    ("mechanisms", {"only": ["A", "B"]}, "smtp", EHLO.replace(b"SCRAM-SHA-256 PLAIN", b"A B")),
    ("mechanisms", {"add": ["X"]}, "imap", CAPABILITY.replace(b"AUTH=PLAIN", b"AUTH=PLAIN AUTH=X")),
    ("mechanisms", {"add": ["X"]}, "pop3", CAPA.replace(b"PLAIN", b"PLAIN X")),
]


@pytest.mark.parametrize(
    ("kind", "fields", "service", "out"),
    LISTED_AS,
    ids=[f"{row[0]}-{row[2]}-{place}" for place, row in enumerate(LISTED_AS)],
)
def test_lists(kind: str, fields: dict[str, Any], service: str, out: bytes) -> None:
    """A list of capabilities has what is said of it, in each protocol's spelling."""
    line, honest = LISTS[service]
    steps = through(made(kind, **fields), moment(service, command(service, line)), [honest])
    assert plain(steps) == [out]
    assert Tell(kind, 0) in steps


@pytest.mark.parametrize("kind", ["capabilities", "mechanisms"])
@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_what_lists_nothing_is_honest(kind: str, service: str) -> None:
    """Any other reply is the honest one itself, and nothing is told."""
    link = made(kind, add=["X"])
    assert through(link, moment(service, command(service, b"NOOP")), [OK[service]]) == [OK[service]]


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "no list": ("capabilities", {}, "needs only, hide, rename or add"),
    "no mechanisms": ("mechanisms", {}, "needs only, hide or add"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
