"""aiosmtpd without I/O: no loop, no reflection, no task; and nothing left over when an exchange is abandoned."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import SMTP

from labserver.dialogues.exchange import Await, Command, Reply
from labserver.smtp.driven import DrivenSMTP
from labserver.smtp.session import Session

if TYPE_CHECKING:
    from tests.smtp.conftest import Client, Connect, Mailroom


def forbidden(*_arguments: object, **_options: object) -> None:
    """Fail whoever comes here."""
    raise AssertionError("a session needs no loop and no search")


def test_whole_session_without_a_loop(connect: Connect, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """From construction to QUIT nothing asks for a loop, a stream or a list of attributes."""
    monkeypatch.setattr(asyncio, "new_event_loop", forbidden)
    monkeypatch.setattr(asyncio, "get_event_loop", forbidden)
    monkeypatch.setattr(asyncio, "StreamReader", forbidden)
    monkeypatch.setattr(inspect, "getmembers", forbidden)
    client = connect()
    codes = client.codes("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "hi", ".", "RSET", "HELO x", "QUIT")
    assert codes[-1] == "221 2.0.0"
    assert len(mailroom.delivered) == 1


def test_loop_fails_loudly(client: Client) -> None:
    """Whoever uses the loop that aiosmtpd wants is told so."""
    with pytest.raises(NotImplementedError):
        client.session.loop.create_future()
    with pytest.raises(NotImplementedError):
        client.session.loop.call_later(1, print)


def test_sessions_share_no_state(connect: Connect) -> None:
    """Aiosmtpd keeps some limits in the class; what one client does must not be seen by another."""
    first, second = connect(), connect()
    before = dict(SMTP.command_size_limits)
    first.ask("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    assert dict(SMTP.command_size_limits) == before
    assert second.codes("DATA", "MAIL FROM:<a@b>") == ["503 5.5.1", "503 5.5.1"]


def test_verbs_of_aiosmtpd_are_reached_only_by_the_table(connect: Connect) -> None:
    """Aiosmtpd's STARTTLS and other attributes are no commands, whatever their name."""
    client = connect()
    assert SMTP.smtp_STARTTLS is Session.smtp_STARTTLS
    assert client.codes("STARTTLS", "smtp_NOOP", "__INIT__") == ["500 5.5.1"] * 3


@pytest.mark.parametrize("verb", ["EXPN", "HELO", "NOOP", "RSET"])
def test_inherited_verbs_are_aiosmtpds(verb: str) -> None:
    """What the docstring says is inherited is."""
    assert Session.VERBS[verb] is getattr(SMTP, f"smtp_{verb}")


@pytest.mark.parametrize("verb", [verb for verb in Session.VERBS if verb not in {"EXPN", "HELO", "NOOP", "RSET"}])
def test_other_verbs_are_the_sessions_own(verb: str) -> None:
    """A verb that needs a transport, a reader or a loop in aiosmtpd is never the inherited one."""
    assert Session.VERBS[verb] is Session.__dict__[f"smtp_{verb}"]


def test_abandoned_exchange_is_closed(client: Client, mailroom: Mailroom) -> None:
    """A client that is gone in the middle of its data leaves no coroutine behind and no message."""
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    exchange = client.session.handle(Command(verb="DATA"))
    steps = [next(exchange), next(exchange)]
    assert isinstance(steps[0], Reply)
    assert steps[1] == Await.data(client.limits.message_size)
    verb = inspect.getgeneratorlocals(exchange)["verb"]
    exchange.close()
    assert inspect.getcoroutinestate(verb) == inspect.CORO_CLOSED
    assert mailroom.delivered == []


def test_fault_of_our_own_is_an_exception(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a verb is no reply to the client: it surfaces where the connection can log it."""
    monkeypatch.setattr(Session, "_sender", forbidden)
    with pytest.raises(AssertionError):
        client.ask("MAIL FROM:<>")


def test_push_completes_replies_without_status() -> None:
    """An inherited reply gets its code's status; one that has a status, and 354, stay as they are (RFC 2034 4)."""
    session = DrivenSMTP(hostname="h", peer="", bad_commands=1)
    for status in ("250 OK", b"250 OK", "501 5.1.7 no", "354 go", "503 Error: 5.5.1 late"):
        with pytest.raises(StopIteration):
            session.push(status).send(None)
    assert [reply.raw for reply in session._said()] == [  # noqa: SLF001 -- the one place replies are kept before they leave
        b"250 2.0.0 OK\r\n",
        b"250 2.0.0 OK\r\n",
        b"501 5.1.7 no\r\n",
        b"354 go\r\n",
        b"503 5.5.1 Error: 5.5.1 late\r\n",
    ]


def test_only_sessions_import_aiosmtpd() -> None:
    """The package, its grammar and its tables are there without the time aiosmtpd's import takes."""
    modules = "labserver.smtp, labserver.smtp.grammar, labserver.smtp.replies, labserver.smtp.smuggling"
    program = f"import sys, {modules}, labserver.smtp.transaction; sys.exit('aiosmtpd' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
