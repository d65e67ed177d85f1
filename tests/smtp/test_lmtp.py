"""LMTP (RFC 2033): its own greeting verb, and an answer for each recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import ReplyKind
from labserver.errors import LimitExceededError, StoreError
from labserver.limits import Limits

if TYPE_CHECKING:
    from tests.smtp.conftest import Client, Connect, Mailroom


@pytest.fixture
def lmtp(connect: Connect) -> Client:
    """Return a client that said LHLO."""
    client = connect("lmtp", limits=Limits(message_size=1_000))
    client.ask("LHLO client.test")
    return client


def test_lhlo_answers_like_ehlo(connect: Connect) -> None:
    """LHLO lists the extensions in one reply (RFC 2033 4.1)."""
    (reply,) = connect("lmtp").ask("LHLO x")
    assert reply.startswith("250-mail.lab.test\r\n250-PIPELINING\r\n")
    assert reply.endswith("\r\n250 HELP")


@pytest.mark.parametrize(("line", "code"), [("EHLO x", "500 5.5.1"), ("HELO x", "500 5.5.1"), ("LHLO", "501 Syntax:")])
def test_other_greetings_are_refused(connect: Connect, line: str, code: str) -> None:
    """EHLO and HELO never succeed (RFC 2033 4.1)."""
    client = connect("lmtp")
    assert client.codes(line, "MAIL FROM:<a@b>") == [code, "503 5.5.1"]
    assert "LHLO" in client.ask("MAIL FROM:<a@b>")[0]


def test_help_lists_its_own_verbs(lmtp: Client) -> None:
    """LHLO is there; EHLO and HELO are not."""
    verbs = lmtp.ask("HELP")[0].split()
    assert "LHLO" in verbs
    assert not {"EHLO", "HELO"} & set(verbs)


@pytest.mark.parametrize("ending", [["DATA", "hi", "."], ["BDAT 0", "BDAT 0 LAST"]])
def test_each_recipient_has_its_answer(lmtp: Client, mailroom: Mailroom, ending: list[str]) -> None:
    """After the data come as many replies as there are accepted recipients, in their order (RFC 2033 4.2)."""
    mailroom.known = frozenset({"a@x", "full@x", "broken@x"})
    mailroom.failures = {"full@x": LimitExceededError("Full.", code="OVERQUOTA"), "broken@x": StoreError("Broken.")}
    lmtp.ask("MAIL FROM:<a@b>", *(f"RCPT TO:<{name}@x>" for name in ("a", "full", "unknown", "broken", "a")))
    replies = lmtp.say("".join(f"{line}\r\n" for line in ending).encode())[1:]
    assert [reply.raw.decode() for reply in replies] == [
        "250 2.0.0 Delivered <a@x>\r\n",
        "452 4.2.2 Full. <full@x>\r\n",
        "451 4.3.0 Broken. <broken@x>\r\n",
        "250 2.0.0 Delivered <a@x>\r\n",
    ]
    assert {reply.kind for reply in replies} == {ReplyKind.COMPLETION}
    assert lmtp.codes("MAIL FROM:<a@b>") == ["250 2.1.0"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"DATA\r\n" + b"x" * 2_000 + b"\r\n.\r\n", "552"), (b"DATA\r\na\n.\nb\r\n.\r\n", "550")],
)
def test_refused_data_is_refused_for_each_recipient(lmtp: Client, mailroom: Mailroom, data: bytes, code: str) -> None:
    """A message nobody gets has one refusal per recipient too, or the client would wait for the others."""
    lmtp.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    assert [reply.code for reply in lmtp.say(data + b"NOOP\r\n")] == ["354", code, code, "250"]
    assert mailroom.delivered == []


def test_refused_chunk_has_one_answer_until_the_last(lmtp: Client) -> None:
    """A chunk in the middle is answered once; the last chunk is the end of the data, for each recipient."""
    recipients = ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>"]
    lmtp.ask(*recipients)
    assert [reply.code for reply in lmtp.say(b"BDAT 2000\r\n" + b"x" * 2_000)] == ["552"]
    lmtp.ask(*recipients)
    assert [reply.code for reply in lmtp.say(b"BDAT 2000 LAST\r\n" + b"x" * 2_000)] == ["552", "552"]


@pytest.mark.parametrize("line", ["DATA", "BDAT 0 LAST"])
def test_data_without_a_recipient_is_refused_at_once(lmtp: Client, mailroom: Mailroom, line: str) -> None:
    """Where every RCPT failed there is nobody to answer for (RFC 2033 4.2)."""
    mailroom.known = frozenset()
    lmtp.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    assert lmtp.codes(line) == ["503 5.5.1"]


def test_answer_fits_a_reply_line(lmtp: Client) -> None:
    """A recipient of any length does not make the reply longer than 512 octets (RFC 5321 4.5.3.1.5)."""
    lmtp.ask("MAIL FROM:<a@b> SMTPUTF8", "RCPT TO:<" + "\u00e4" * 2_000 + "@d>")
    (reply,) = lmtp.say(b"BDAT 0 LAST\r\n")
    assert reply.raw.startswith(b"250 2.0.0 Delivered <\xc3\xa4")
    assert 510 <= len(reply.raw) <= 512
    assert reply.raw.decode().endswith("\r\n")
