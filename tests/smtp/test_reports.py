"""Reports of delivery: who gets one, for whom, and what is in it (RFC 3461, RFC 3464, RFC 6522)."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING

import pytest

from labserver.errors import StoreError
from labserver.limits import Limits

if TYPE_CHECKING:
    from email.message import EmailMessage

    from labserver.mailstore.envelope import Envelope
    from tests.smtp.conftest import Client, Connect, Mailroom

MAIL = "MAIL FROM:<bob@lab.test>"
RCPT = "RCPT TO:<alice@lab.test> NOTIFY=SUCCESS"
BODY = ("Subject: please confirm", "X-Note: \u00fc", "", "the text", ".")


def send(client: Client, *lines: str, body: tuple[str, ...] = BODY) -> None:
    """Send one mail, which is accepted."""
    replies = client.codes(*lines, "DATA", *body)
    assert replies[-1] == "250 2.0.0"


def reported(mailroom: Mailroom) -> tuple[Envelope, EmailMessage]:
    """Return the one report that came after the mail itself."""
    _, (envelope, content) = mailroom.delivered
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message.defects == []
    return envelope, message


def fields(message: EmailMessage) -> list[dict[str, str]]:
    """Return the groups of fields in message/delivery-status."""
    status = list(message.iter_parts())[1]
    assert status.get_content_type() == "message/delivery-status"
    return [dict(group.items()) for group in status.get_payload() if group.items()]  # type: ignore[union-attr]  # groups


def test_success_is_reported_to_the_sender(client: Client, mailroom: Mailroom) -> None:
    """NOTIFY=SUCCESS brings a "delivered" report with all that the client said to know it again by."""
    send(client, f"{MAIL} RET=HDRS ENVID=e+2B1", f"{RCPT} ORCPT=rfc822;Alice+2Btag@lab.test")
    envelope, message = reported(mailroom)
    assert (envelope.sender, [one.address for one in envelope.recipients]) == ("", ["bob@lab.test"])
    assert envelope.recipients[0].parameters == {"NOTIFY": "NEVER"}
    assert message["To"] == "bob@lab.test"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    of_mail, of_recipient = fields(message)
    assert of_mail["Original-Envelope-Id"] == "e+1"
    assert of_mail["Reporting-MTA"] == "dns; mail.lab.test"
    assert of_mail["Received-From-MTA"] == "dns; client.test"
    assert of_recipient == {
        "Original-Recipient": "rfc822;Alice+tag@lab.test",
        "Final-Recipient": "rfc822; alice@lab.test",
        "Action": "delivered",
        "Status": "2.0.0",
    }


@pytest.mark.parametrize(
    ("parameters", "kind", "octets"),
    [
        ("", "text/rfc822-headers", "Subject: please confirm\r\nX-Note: \u00fc\r\n\r\n"),
        (" RET=HDRS", "text/rfc822-headers", "Subject: please confirm\r\nX-Note: \u00fc\r\n\r\n"),
        (" RET=FULL", "message/rfc822", "Subject: please confirm\r\nX-Note: \u00fc\r\n\r\nthe text\r\n"),
        (" RET=full SMTPUTF8", "message/global", "Subject: please confirm\r\nX-Note: \u00fc\r\n\r\nthe text\r\n"),
        (" SMTPUTF8", "message/global-headers", "Subject: please confirm\r\nX-Note: \u00fc\r\n\r\n"),
    ],
)
def test_what_is_returned(client: Client, mailroom: Mailroom, parameters: str, kind: str, octets: str) -> None:
    """RET says how much of the mail comes back; without it the header (RFC 3461 4.3)."""
    send(client, MAIL + parameters, RCPT)
    _, message = reported(mailroom)
    part = list(message.iter_parts())[2]
    assert part.get_content_type() == kind
    assert part["Content-Transfer-Encoding"] == "8bit"
    assert f"\r\n\r\n{octets}\r\n--".encode() in mailroom.delivered[1][1]


@pytest.mark.parametrize(
    ("mail", "recipient", "subject"),
    [
        ("MAIL FROM:<>", RCPT, "Subject: x"),
        (MAIL, "RCPT TO:<alice@lab.test>", "Subject: x"),
        (MAIL, "RCPT TO:<alice@lab.test> NOTIFY=NEVER", "Subject: x"),
        (MAIL, "RCPT TO:<alice@lab.test> NOTIFY=FAILURE,DELAY", "Subject: x"),
        (MAIL, RCPT, 'Content-Type: Multipart/Report; report-type=delivery-status; boundary="b"'),
        (MAIL, RCPT, 'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"'),
    ],
)
def test_nobody_is_told(client: Client, mailroom: Mailroom, mail: str, recipient: str, subject: str) -> None:
    """No report without a sender, for NEVER, or for a report."""
    send(client, mail, recipient, body=(subject, "", "x", "."))
    assert len(mailroom.delivered) == 1


def test_a_report_brings_no_report(client: Client, mailroom: Mailroom) -> None:
    """What the lab itself sends has no sender and asks for nothing, so two labs cannot talk for ever."""
    send(client, MAIL, RCPT)
    (_, (envelope, content)) = mailroom.delivered
    client.ask(f"MAIL FROM:<{envelope.sender}> BODY=8BITMIME", RCPT, f"BDAT {len(content)} LAST")
    client.say(content)
    assert len(mailroom.delivered) == 3


def test_one_report_for_all_recipients(client: Client, mailroom: Mailroom) -> None:
    """However many recipients ask, one report tells of them, each once; those who did not ask are not in it."""
    send(
        client,
        MAIL,
        "RCPT TO:<a@lab.test> NOTIFY=FAILURE,success",
        "RCPT TO:<b@lab.test>",
        "RCPT TO:<a@lab.test> NOTIFY=SUCCESS",
        "RCPT TO:<c@lab.test> NOTIFY=NEVER",
        "RCPT TO:<d@lab.test> NOTIFY=SUCCESS",
    )
    _, message = reported(mailroom)
    told = [group["Final-Recipient"] for group in fields(message)[1:]]
    assert told == ["rfc822; a@lab.test", "rfc822; d@lab.test"]


def test_who_was_not_delivered_to_is_not_reported(connect: Connect, mailroom: Mailroom) -> None:
    """LMTP tells the client itself of failures; the report has the others, and there is none for nobody."""
    mailroom.failures["a@lab.test"] = StoreError("Full.", code="OVERQUOTA")
    client = connect("lmtp")
    client.ask("LHLO x", MAIL, "RCPT TO:<a@lab.test> NOTIFY=SUCCESS", RCPT, "DATA", *BODY)
    _, message = reported(mailroom)
    assert [group["Final-Recipient"] for group in fields(message)[1:]] == ["rfc822; alice@lab.test"]
    client.ask(MAIL, "RCPT TO:<a@lab.test> NOTIFY=SUCCESS", "DATA", *BODY)
    assert len(mailroom.delivered) == 2


def test_addresses_beyond_ascii(client: Client, mailroom: Mailroom) -> None:
    """The status part stays ASCII (RFC 6533 3), and the report travels as its sender's address needs it."""
    send(
        client,
        "MAIL FROM:<bj\u00f6rn@lab.test> SMTPUTF8",
        "RCPT TO:<\u00fcnal@lab.test> NOTIFY=SUCCESS ORCPT=utf-8;\u00dcnal@lab.test",
    )
    envelope, message = reported(mailroom)
    assert envelope.parameters == {"SMTPUTF8": ""}
    (_, of_recipient) = fields(message)
    assert of_recipient["Final-Recipient"] == "utf-8; \\x{FC}nal@lab.test"
    assert of_recipient["Original-Recipient"] == "utf-8;\\x{DC}nal@lab.test"


def test_a_name_that_is_none_is_not_told(connect: Connect, mailroom: Mailroom) -> None:
    """What a client calls itself is in the report only if it is a name."""
    client = connect()
    client.ask("EHLO x y <z>")
    send(client, MAIL, RCPT)
    assert "Received-From-MTA" not in fields(reported(mailroom)[1])[0]


def test_what_would_be_too_long_is_left_out(connect: Connect, mailroom: Mailroom) -> None:
    """A report is no longer than a message may be: the original is then not in it."""
    client = connect(limits=Limits(message_size=70_000))
    client.ask("EHLO x")
    send(client, f"{MAIL} RET=FULL", RCPT, body=("Subject: x", "", "x" * 60_000, "."))
    _, message = reported(mailroom)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "message/delivery-status"]


def test_limits_and_requiretls_are_told(connect: Connect) -> None:
    """EHLO tells how many recipients there may be (RFC 9422), and inside TLS that REQUIRETLS is known (RFC 8689)."""
    (clear,) = connect(limits=Limits(recipients=7)).ask("EHLO x")
    assert "250-LIMITS RCPTMAX=7\r\n" in clear
    assert "REQUIRETLS" not in clear
    (secure,) = connect(secure=True).ask("EHLO x")
    assert "250-REQUIRETLS\r\n" in secure


def test_requiretls_is_for_tls(connect: Connect, mailroom: Mailroom) -> None:
    """MAIL takes REQUIRETLS inside TLS only; what is sent so is not repeated in a report, which needs TLS itself."""
    assert connect().codes("EHLO x", f"{MAIL} REQUIRETLS")[-1] == "555 5.5.4"
    client = connect(secure=True)
    client.ask("EHLO x")
    assert client.codes(f"{MAIL} REQUIRETLS=1") == ["501 5.5.4"]
    send(client, f"{MAIL} REQUIRETLS RET=FULL", RCPT)
    envelope, message = reported(mailroom)
    assert envelope.parameters == {"REQUIRETLS": ""}
    assert list(message.iter_parts())[2].get_content_type() == "text/rfc822-headers"
