"""Mail arrives: in whose mailbox, at once where somebody waits for it, and over connections of any shape."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running
from tests.integration.peer import Peer, send_mail

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.labs import LabProcess

_MAIL = b"Subject: hello\r\n\r\nHello.\r\n"


def _count(lab: LabProcess, user: str) -> int:
    with Peer(lab, "pop3s") as peer:
        peer.login(user)
        return int(peer.ask(b"STAT\r\n").split()[1])


@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_seen_at_once_by_who_idles(lab: LabProcess, service: str) -> None:
    """A client in IDLE hears of a message before the sender's next command."""
    with Peer(lab, "imaps") as peer:
        before = int(peer.login("bob").ask(b"a STATUS INBOX (MESSAGES)\r\n").split(b"MESSAGES ")[1].split(b")")[0])
        peer.ask(b"b SELECT INBOX\r\n")
        assert peer.ask(b"c IDLE\r\n").startswith(b"+ ")
        send_mail(lab, _MAIL, "bob@lab.test", service=service)
        assert peer.until(b"* ").startswith(b"* %d EXISTS\r\n" % (before + 1))


def test_seen_by_the_next_command(lab: LabProcess) -> None:
    """What is acknowledged can be read, by a client that was there before and by one that comes after."""
    with Peer(lab, "imaps") as peer:
        peer.login("bob").ask(b"a SELECT INBOX\r\n")
        send_mail(lab, _MAIL, "bob@lab.test")
        assert b"EXISTS" in peer.ask(b"b NOOP\r\n")
    with Peer(lab, "pop3s") as peer:
        peer.login("bob")
        newest = int(peer.ask(b"STAT\r\n").split()[1])
        assert peer.listing(b"RETR %d\r\n" % newest) == _MAIL


@pytest.mark.parametrize(
    ("recipient", "account"),
    [
        ("alice@lab.test", "alice"),
        ("ALICE@LAB.TEST", "alice"),
        ("alice+tag@lab.test", "alice"),
        ("alice@lab.localhost", "alice"),
        ("alice@localhost", "alice"),
        ("nobody@lab.test", "catchall"),
        ("alice@elsewhere.example", "catchall"),
    ],
)
def test_who_gets_it(lab: LabProcess, recipient: str, account: str) -> None:
    """Addresses lead to accounts without case and tag; what leads nowhere is caught."""
    before = _count(lab, account)
    send_mail(lab, _MAIL, recipient)
    assert _count(lab, account) == before + 1


def test_one_copy_each(lab: LabProcess) -> None:
    """One transaction, several recipients: one copy an account, however often it is named."""
    before = [_count(lab, user) for user in ("alice", "bob")]
    send_mail(lab, _MAIL, "alice@lab.test", "bob@lab.test", "alice+x@lab.test")
    assert [_count(lab, user) for user in ("alice", "bob")] == [count + 1 for count in before]


def test_lmtp_answers_for_each(lab: LabProcess) -> None:
    """LMTP has one reply a recipient (RFC 2033 4.2)."""
    replies = send_mail(lab, _MAIL, "alice@lab.test", "bob@lab.test", service="lmtp")
    assert [reply[:3] for reply in replies] == [b"250", b"250"]


def test_strict(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Strict, a stranger's address is refused when it is named, and nothing is caught."""
    with running(tmp_path_factory.mktemp("lab"), "--strict-recipients") as lab, Peer(lab, "smtp") as peer:
        peer.ask(b"EHLO me\r\n")
        peer.ask(b"MAIL FROM:<a@b.test>\r\n")
        assert peer.ask(b"RCPT TO:<nobody@lab.test>\r\n").startswith(b"550 5.1.1 ")
        assert peer.ask(b"RCPT TO:<alice@lab.test>\r\n").startswith(b"250 ")


def test_smtp_syntax_is_postfix_s_unless_it_shall_be_strict(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A user with an underscore in the domain can be mailed to, and the transcript notes what RFC 5321 refuses."""
    user = ("--user", "www-data@web_1:secret")
    with running(tmp_path_factory.mktemp("lab"), *user) as lab:
        send_mail(lab, _MAIL, "www-data@web_1")
        with Peer(lab, "imaps") as peer:
            assert peer.login("www-data").mailbox() == [_MAIL]
    with running(tmp_path_factory.mktemp("lab"), "--strict-smtp-syntax") as lab, Peer(lab, "smtp") as peer:
        peer.ask(b"EHLO me\r\n")
        assert peer.ask(b"MAIL FROM:<www-data@web_1>\r\n").startswith(b"501 5.1.7 ")


def test_delivery_is_reported_to_the_sender(lab: LabProcess) -> None:
    """NOTIFY=SUCCESS brings a report into the sender's own INBOX, and the report brings none."""
    before = [_count(lab, user) for user in ("alice", "bob", "catchall")]
    with Peer(lab, "smtp") as peer:
        for line in (
            b"EHLO me",
            b"MAIL FROM:<bob@lab.test> RET=HDRS ENVID=e1",
            b"RCPT TO:<alice@lab.test> NOTIFY=SUCCESS ORCPT=rfc822;alice@lab.test",
            b"DATA",
            b"Subject: please confirm\r\n\r\nx\r\n.",
        ):
            assert peer.ask(line + b"\r\n")[:1] in b"23"
    assert [_count(lab, user) for user in ("alice", "bob", "catchall")] == [before[0] + 1, before[1] + 1, before[2]]
    with Peer(lab, "imaps") as peer:
        report = peer.login("bob").mailbox()[-1]
    for field in (b"Original-Envelope-Id: e1", b"Final-Recipient: rfc822; alice@lab.test", b"Action: delivered"):
        assert b"\r\n%b\r\n" % field in report


def test_envelopes_are_in_the_transcript(lab: LabProcess) -> None:
    """A program that reads the transcript finds who sent what to whom, and in whose mail it is."""
    send_mail(lab, _MAIL, "alice+tag@lab.test", "zoe@elsewhere.example")
    envelope = lab.events("MailDelivered")[-1]["envelope"]
    assert envelope["sender"] == "sender@example.test"
    assert [(one["address"], one["account"]) for one in envelope["recipients"]] == [
        ("alice+tag@lab.test", "alice"),
        ("zoe@elsewhere.example", "catchall"),
    ]


def test_trace_headers_when_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    """By default nothing is added to a message; --trace-headers adds what a delivering server would."""
    with running(tmp_path_factory.mktemp("lab"), "--trace-headers") as lab:
        send_mail(lab, _MAIL, "alice@lab.test")
        with Peer(lab, "imaps") as peer:
            (content,) = peer.login().mailbox()
    assert content.startswith(b"Return-Path: <sender@example.test>\r\n")
    assert content.endswith(_MAIL)


def test_preloaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was preloaded is there when the lab is ready, and told."""
    folder: Path = tmp_path_factory.mktemp("lab")
    (folder / "mail").mkdir()
    (folder / "mail" / "one.eml").write_bytes(_MAIL)
    with running(folder, "--preload", str(folder / "mail")) as lab:
        counts = {user: _count(lab, user) for user in ("alice", "bob", "catchall")}
        assert f"labserver: --preload {folder / 'mail'}: 1 loaded\n" in lab.log.read_text()
    assert counts == {"alice": 1, "bob": 0, "catchall": 0}


def test_a_client_that_closes_its_side(lab: LabProcess) -> None:
    """``printf … | nc -N`` gets its answers: all of them, then the end."""
    with Peer(lab, "smtp") as peer:
        peer.send(b"EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n")
        peer.send(_MAIL + b".\r\n")
        peer.sock.shutdown(socket.SHUT_WR)
        codes = [line[:3] for line in peer.rest().splitlines() if line[3:4] == b" "]
    assert codes == [b"250", b"250", b"250", b"354", b"250"]


def test_many_commands_in_one_segment(lab: LabProcess) -> None:
    """A thousand pipelined commands are a thousand answers, in order."""
    with Peer(lab, "imap") as peer:
        peer.send(b"".join(b"n%d NOOP\r\n" % number for number in range(1000)))
        answers = [peer.line().split()[0] for _ in range(1000)]
    assert answers == [b"n%d" % number for number in range(1000)]
