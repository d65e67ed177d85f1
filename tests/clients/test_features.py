"""What single clients can do beyond sending and reading: each test is one feature as its users use it."""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import imaplib
import poplib
import smtplib
from typing import TYPE_CHECKING, Any

import imap_tools
import imapclient  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.clients.evidence import Evidence
from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.clients.running_lab import TlsMode
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.clients.running_lab import Account, RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


def test_swaks_pipelines(lab: RunningLab, sandbox: Sandbox, account: Account) -> None:
    """One write of MAIL, RCPT and DATA is answered in order (RFC 2920), after STARTTLS, from the null sender."""
    said = sandbox.run(
        "swaks", "--server", "localhost", "--port", lab.ports["smtp"], "-tls", "--tls-verify", "--tls-ca-path", lab.ca,
        "--pipeline", "-f", "<>", "-t", account.address, "--h-Subject", "pipelined", "--timeout", PATIENCE,
    )  # fmt: skip
    one_write = f" ~> MAIL FROM:<>\n ~> RCPT TO:<{account.address}>\n ~> DATA\n<~  250 "
    assert one_write.encode() in said
    (received,) = Mailbox(lab, account).messages()
    assert b"Subject: pipelined\r\n" in received


def test_swaks_finds_nothing_to_log_in_with_before_tls(lab: RunningLab, sandbox: Sandbox, account: Account) -> None:
    """In clear there is no AUTH to use, so swaks gives up without having sent the password."""
    said = sandbox.run(
        "swaks", "--server", "localhost", "--port", lab.ports["submission"], "-f", account.address,
        "-t", account.address, "-a", "PLAIN", "-au", account.user, "-ap", account.password, "--timeout", PATIENCE,
        success=frozenset({28}),
    )  # fmt: skip
    assert b"-> AUTH" not in said
    assert Mailbox(lab, account).messages() == []


def test_msmtp_asks_for_delivery_reports(lab: RunningLab, sandbox: Sandbox, account: Account) -> None:
    """RET and NOTIFY (RFC 3461), which msmtp sends only where DSN is offered, are accepted, and the report comes."""
    evidence = Evidence(lab)
    configuration = sandbox.file(
        "msmtprc",
        f"account lab\nhost localhost\nport {lab.ports['submission']}\nfrom {account.address}\n"
        f'auth on\nuser {account.user}\npassword "{account.password}"\ntls on\ntls_trust_file {lab.ca}\n'
        "dsn_notify failure,delay,success\ndsn_return headers\n",
    )
    mail = message(account.address, account.address)
    sandbox.run("msmtp", "-C", configuration, "-a", "lab", account.address, stdin=mail.replace(b"\r\n", b"\n"))
    assert "RET=HDRS" in evidence.lines("MAIL")[0]
    assert "NOTIFY=FAILURE,DELAY,SUCCESS" in evidence.lines("RCPT")[0]
    delivered, report = Mailbox(lab, account).messages()
    assert delivered == mail
    assert b"report-type=delivery-status" in report


def test_smtplib_sends_to_unicode_addresses(lab: RunningLab, account: Account) -> None:
    """SMTPUTF8 (RFC 6531): an address and a subject in UTF-8 arrive as they were written."""
    endpoint = lab.endpoint("smtp", TlsMode.STARTTLS, account)
    mail = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
    mail["From"] = "Jürgen <jürgen@lab.test>"
    mail["To"] = account.address
    mail["Subject"] = "日本語"
    mail.set_content("Grüße\n")
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE) as client:
        client.starttls(context=endpoint.context())
        client.login(account.user, account.password)
        client.send_message(mail)
    (received,) = Mailbox(lab, account).messages()
    assert "Jürgen <jürgen@lab.test>\r\n".encode() in received
    assert "Subject: 日本語\r\n".encode() in received


def test_imaplib_reads_a_binary_part(lab: RunningLab, account: Account) -> None:
    """A part that smtplib sends as binary, NUL in it, is read by IMAP in base64, as told, and by POP3 as it is."""
    octets = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") * 5
    mail = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/x-any\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n%b\r\n--b--\r\n"
    ) % octets
    sent, read = lab.endpoint("smtp", TlsMode.IMPLICIT, account), lab.endpoint("imap", TlsMode.IMPLICIT, account)
    with smtplib.SMTP_SSL(sent.host, sent.port, context=sent.context(), timeout=PATIENCE) as smtp:
        smtp.login(account.user, account.password)
        smtp.sendmail(account.address, [account.address], mail)
    with imaplib.IMAP4_SSL(read.host, read.port, ssl_context=read.context(), timeout=PATIENCE) as imap:
        imap.login(account.user, account.password)
        imap.select("INBOX", readonly=True)
        fetch: Any = imap.fetch  # its type does not tell what is in the answer
        ((_, header), (_, body), _) = fetch("1", "(BODY[1.MIME] BODY[1])")[1]
        ((_, partial), _) = fetch("1", "(BODY[1]<80.20>)")[1]
        (structure,) = fetch("1", "(BODYSTRUCTURE)")[1]
    assert email.message_from_bytes(header + body).get_payload(decode=True) == octets
    assert b'"base64" %d ' % len(body) in structure
    assert partial == body[80:100]
    drop = lab.endpoint("pop3", TlsMode.IMPLICIT, account)
    with contextlib.closing(poplib.POP3_SSL(drop.host, drop.port, context=drop.context(), timeout=PATIENCE)) as pop3:
        pop3.user(account.user)
        pop3.pass_(account.password)
        assert octets in b"\r\n".join(pop3.retr(1)[1])


def test_imaplib_over_its_whole_length(lab: RunningLab, account: Account) -> None:
    """The calls of the standard library's client that change and ask, each answered OK with what was asked for."""
    endpoint = lab.endpoint("imap", TlsMode.IMPLICIT, account)
    mail = message(account.address, account.address)
    with imaplib.IMAP4_SSL(endpoint.host, endpoint.port, ssl_context=endpoint.context(), timeout=PATIENCE) as client:
        client.login(account.user, account.password)
        assert client.enable("CONDSTORE")[0] == "OK"
        assert client.create("Work/2026")[0] == "OK"
        assert client.append("Work/2026", r"(\Seen)", '"05-Jan-2026 10:00:00 +0100"', mail)[0] == "OK"
        assert client.list('""', "Work/*")[1][0].endswith(b"Work/2026")  # type: ignore[union-attr]  # one row of bytes
        assert client.subscribe("Work/2026")[0] == "OK"
        assert client.lsub('""', "Work*")[0] == "OK"
        assert b"MESSAGES 1" in client.status("Work/2026", "(MESSAGES UIDNEXT)")[1][0]
        assert client.select("Work/2026") == ("OK", [b"1"])
        assert client.search(None, "SEEN", "SUBJECT", '"known good"') == ("OK", [b"1"])
        assert client.sort("(REVERSE DATE)", "UTF-8", "ALL") == ("OK", [b"1"])
        assert client.thread("REFERENCES", "UTF-8", "ALL") == ("OK", [b"(1)"])
        assert client.copy("1", "INBOX")[0] == "OK"
        assert client.uid("STORE", "1", "+FLAGS", r"(\Deleted)")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.namespace()[0] == "OK"
        assert client.unselect()[0] == "OK"
        assert client.rename("Work/2026", '"Archive of work"')[0] == "OK"
        assert client.delete('"Archive of work"')[0] == "OK"
    assert Mailbox(lab, account).messages() == [mail]


def test_poplib_over_its_whole_length(lab: RunningLab, account: Account) -> None:
    """STAT, LIST, UIDL, TOP, RETR, DELE and RSET agree with each other; QUIT deletes what was marked, and only that."""
    endpoint = lab.endpoint("pop3", TlsMode.IMPLICIT, account)
    first, second = (message(account.address, account.address) for _ in range(2))
    inbox = Mailbox(lab, account)
    inbox.append(first)
    inbox.append(second)
    client = poplib.POP3_SSL(endpoint.host, endpoint.port, context=endpoint.context(), timeout=PATIENCE)
    client.user(account.user)
    client.pass_(account.password)
    assert client.stat() == (2, len(first) + len(second))
    assert client.list()[1] == [f"1 {len(first)}".encode(), f"2 {len(second)}".encode()]
    assert len({line.split()[1] for line in client.uidl()[1]}) == 2
    assert client.top(1, 0)[1] == [*first.split(b"\r\n\r\n")[0].split(b"\r\n"), b""]
    assert client.retr(2)[1] == second.split(b"\r\n")[:-1]
    client.dele(2)
    client.rset()
    client.dele(1)
    client.quit()
    assert inbox.messages() == [second]


def test_imapclient_moves_and_finds(lab: RunningLab, account: Account) -> None:
    """SPECIAL-USE, UIDPLUS, MOVE, SORT, THREAD and CONDSTORE as the library uses them."""
    endpoint = lab.endpoint("imap", TlsMode.IMPLICIT, account)
    mail = message(account.address, account.address)
    with imapclient.IMAPClient(
        endpoint.host, endpoint.port, ssl_context=endpoint.context(), timeout=PATIENCE
    ) as client:
        client.login(account.user, account.password)
        trash = client.find_special_folder(rb"\Trash")
        assert trash
        assert b"APPENDUID" in client.append("INBOX", mail, (r"\Flagged",))
        client.select_folder("INBOX")
        (uid,) = client.search(["SUBJECT", "good"])
        assert client.sort("ARRIVAL") == [uid]
        assert client.thread() == ((uid,),)
        assert rb"\Flagged" in client.get_flags([uid])[uid]
        assert client.fetch([uid], ["ENVELOPE"])[uid][b"ENVELOPE"].subject.startswith(b"Known good")
        client.move([uid], trash)
        assert client.search() == []
        assert client.folder_status(trash, ["MESSAGES"])[b"MESSAGES"] == 1


def test_imap_tools_moves_and_finds(lab: RunningLab, account: Account) -> None:
    """Folders, flags and criteria as the library spells them."""
    endpoint = lab.endpoint("imap", TlsMode.IMPLICIT, account)
    mail = message(account.address, account.address)
    client = imap_tools.MailBox(endpoint.host, endpoint.port, timeout=PATIENCE, ssl_context=endpoint.context())
    with client.login(account.user, account.password) as box:
        box.append(mail, "INBOX", flag_set=[imap_tools.MailMessageFlags.SEEN])
        box.folder.create("Ablage für später")
        (uid,) = box.uids(imap_tools.AND(seen=True, from_=account.address))
        box.flag([uid], imap_tools.MailMessageFlags.FLAGGED, value=True)
        box.move([uid], "Ablage für später")
        assert box.uids() == []
        assert box.folder.status("Ablage für später")["MESSAGES"] == 1
    assert Mailbox(lab, account, "Ablage f&APw-r sp&AOQ-ter").flags() == [{r"\Seen", r"\Flagged"}]
