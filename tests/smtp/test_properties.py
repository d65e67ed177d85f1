"""Whatever a client sends: replies are well-formed, the session survives, and 250 means delivered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from labserver.holding import Intake
from labserver.limits import Limits
from labserver.services import SERVICES
from labserver.smtp.lmtp import LmtpSession
from labserver.smtp.session import Session
from tests.smtp.conftest import Client, Mailroom, PlainLink

if TYPE_CHECKING:
    from labserver.mailstore.delivery import Delivery

WITHOUT_STATUS = re.compile(rb"250[ -]mail\.lab\.test\r\n|501 Syntax: (EHLO|HELO|LHLO) hostname\r\n|354 ")
WELL_FORMED = re.compile(rb"([2-5])\d\d (?:(?=[245])\1\.\d{1,3}\.\d{1,3} )[^\r\n\0]+\r\n")

WORDS = """a@b <a@b> <> <ä@b> < > " [::1] FROM: TO: FROM:<a@b> TO:<c@d> SIZE=9 SIZE=99 BODY=BINARYMIME SMTPUTF8 RET=FULL
 ENVID=+ NOTIFY=NEVER ORCPT=rfc822;x AUTH=<> = LAST 7 ä x"""
VERBS = "EHLO HELO LHLO MAIL RCPT DATA RSET NOOP HELP VRFY EXPN AUTH BDAT FOO"
GOOD = "MAIL FROM:<a@b>|MAIL FROM:<> SMTPUTF8|RCPT TO:<c@d>|RCPT TO:<e@f>|DATA|.|..|BDAT 0|BDAT 0 LAST|RSET"

words = st.sampled_from([*WORDS.split(), "\0", "x" * 600])
verbs = st.sampled_from([*VERBS.split(), "BDAT 7", ""])
good = st.sampled_from([*GOOD.split("|"), "BDAT 7 LAST\r\n1234567", "BDAT 3\r\n.\r\n", "\n.\n"])
lines = st.one_of(
    good.map(str.encode),
    st.builds(lambda verb, rest: " ".join([verb, *rest]).encode(), verbs, st.lists(words, max_size=4)),
    st.binary(max_size=20),
)
openings = st.sampled_from([b"", b"EHLO x\r\nLHLO x\r\n", b"EHLO x\r\nLHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"])
endings = st.sampled_from([b"\r\n", b"\r\n", b"\n"])
scripts = st.builds(
    bytes.__add__, openings, st.lists(st.builds(bytes.__add__, lines, endings), max_size=25).map(b"".join)
)
services = st.sampled_from(["smtp", "submission", "lmtp"])


def connected(service: str, mailroom: Mailroom) -> Client:
    """Return a client; small messages, so that limits are met, and a session that bad commands do not end."""
    limits = Limits(message_size=64, recipients=3, bad_commands=10_000)
    link = PlainLink(service=service)
    kind = LmtpSession if service == "lmtp" else Session
    session = kind(
        link,
        cast("Delivery", mailroom),
        intake=Intake(),
        limits=limits,
        hostname="mail.lab.test",
        service=SERVICES[service],
    )
    client = Client(session=session, link=link, limits=limits)
    if service == "submission":
        client.ask("EHLO x")
        client.log_in()
    return client


@given(services, scripts)
def test_session_survives_anything(service: str, script: bytes) -> None:
    """Every reply is well-formed, its enhanced code agrees with it, and afterwards a message can be sent."""
    mailroom = Mailroom()
    client = connected(service, mailroom)
    replies = [reply.raw for reply in client.say(script)]
    # Whatever is still awaited ends with this: a line, the data, a chunk of 7 octets.
    replies += [reply.raw for reply in client.say(b"\r\n.\r\n" + b"\r\n" * 7)]
    for reply in replies:
        assert WITHOUT_STATUS.match(reply) or WELL_FORMED.fullmatch(reply)
    accepted = sum(reply.startswith(b"250 2.0.0 Delivered") for reply in replies)
    copies = sum(len(envelope.recipients) if service == "lmtp" else 1 for envelope, _ in mailroom.delivered)
    assert accepted == copies
    hello = "LHLO y" if service == "lmtp" else "EHLO y"
    codes = client.codes("RSET", hello, "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "hi", ".")
    assert codes[2:] == ["250 2.1.0", "250 2.1.5", "354 End", "250 2.0.0"]


@given(services, scripts, st.lists(st.integers(0, 500), max_size=6))
def test_segments_make_no_difference(service: str, script: bytes, cuts: list[int]) -> None:
    """The replies are the same however the octets are cut into segments."""
    whole, pieces = Mailroom(), Mailroom()
    expected = connected(service, whole).say(script)
    client = connected(service, pieces)
    ends = [*sorted(cut for cut in cuts if cut < len(script)), len(script)]
    replies = [
        reply for start, end in zip([0, *ends[:-1]], ends, strict=True) for reply in client.say(script[start:end])
    ]
    assert replies == expected
    assert pieces.delivered == whole.delivered
