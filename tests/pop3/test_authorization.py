"""USER and PASS, APOP, AUTH's list, UTF-8 mode, and what SASL hands over."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock, SeededEntropy
from labserver.dialogues.exchange import Identity, LoginFailure
from labserver.mailstore.directory import Directory, User
from labserver.mailstore.envelope import Envelope
from labserver.mailstore.message import Draft
from labserver.pop3.apop import new_timestamp, verified

if TYPE_CHECKING:
    from tests.pop3.conftest import Line, Post

LOGGED_IN = b"+OK The maildrop has 2 messages (69 octets)\r\n"
REJECTED = b"-ERR [AUTH] Authentication failed\r\n"
PROMPT = b"+OK Now the password\r\n"
STAMP = b"<1896.697170952@dbc.mtview.ca.us>"


@pytest.mark.parametrize("name", [b"alice", b"alice@lab.test", b"ALICE", b" alice "])
def test_user_and_pass(filled: Post, name: bytes) -> None:
    """Name and password open the maildrop, with and without the domain."""
    assert filled.connect().say(b"USER " + name + b"\r\nPASS secret\r\n") == PROMPT + LOGGED_IN


def test_a_password_may_have_spaces_and_umlauts(post: Post) -> None:
    """Everything after PASS and one space is the password (RFC 1939 7)."""
    post.directory = Directory([User(name="alice", password=" pass wörd ")], entropy=post.entropy)
    assert post.connect().say("USER alice\r\nPASS  pass wörd \r\n".encode()).startswith(PROMPT + b"+OK")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"USER alice\r\nPASS wrong\r\n", PROMPT + REJECTED),
        (b"USER alice\r\nPASS secret \r\n", PROMPT + REJECTED),
        (b"USER alice\r\nPASS \xff\r\n", PROMPT + REJECTED),
        (b"USER nobody\r\nPASS secret\r\n", PROMPT + REJECTED),
        (b"USER \xff\r\nPASS secret\r\n", PROMPT + REJECTED),
        (b"USER alice\r\nPASS\r\n", PROMPT + b"-ERR Syntax: PASS password\r\n"),
        (b"USER alice\r\nPASS \r\n", PROMPT + REJECTED),
        (b"USER \r\nPASS secret\r\n", PROMPT + REJECTED),
        (b"USER \r\nPASS \r\n", PROMPT + REJECTED),
        (b"USER\r\n", b"-ERR Syntax: USER name\r\n"),
        (b"USER alice smith\r\n", b"-ERR Syntax: USER name\r\n"),
        (b"PASS secret\r\n", b"-ERR PASS comes immediately after USER\r\n"),
        (
            b"USER alice\r\nPASS wrong\r\nPASS secret\r\n",
            PROMPT + REJECTED + b"-ERR PASS comes immediately after USER\r\n",
        ),
        (
            b"USER alice\r\nUTF8\r\nPASS secret\r\n",
            PROMPT + b"+OK UTF-8 mode\r\n-ERR PASS comes immediately after USER\r\n",
        ),
        (b"USER bob\r\nUSER alice\r\nPASS secret\r\n", PROMPT * 2 + LOGGED_IN),
        (b"USER alice\r\nPASS wrong\r\nUSER alice\r\nPASS secret\r\n", PROMPT + REJECTED + PROMPT + LOGGED_IN),
    ],
)
def test_user_and_pass_in_every_order(filled: Post, said: bytes, answer: bytes) -> None:
    """Whether a name exists is never told; PASS counts only right after USER; a failure can be mended."""
    assert filled.connect().say(said) == answer


@pytest.mark.parametrize("said", [b"USER alice\r\n", b"PASS secret\r\n", b"APOP alice " + b"0" * 32 + b"\r\n"])
def test_no_passwords_in_clear(filled: Post, line: Line, said: bytes) -> None:
    """Before TLS the answer says what to do, without [AUTH]: nobody looked at the credentials (RFC 3206 5)."""
    line.accepts_passwords, line.offers_starttls = False, True
    driver = filled.connect(line, timestamp=STAMP)
    assert driver.say(said) == b"-ERR Passwords are not accepted in clear: start TLS with STLS first\r\n"


def test_no_passwords_at_all(filled: Post, line: Line) -> None:
    """Where passwords are off, STLS is not recommended in vain."""
    line.accepts_passwords = False
    assert filled.connect(line).say(b"USER alice\r\n") == b"-ERR Passwords are not accepted here\r\n"


def test_the_membrane_is_told(filled: Post, line: Line) -> None:
    """Every login and every refusal is told to the connection, which counts them."""
    driver = filled.connect(line, timestamp=STAMP)
    driver.say(b"USER alice\r\nPASS wrong\r\nAPOP alice " + b"0" * 32 + b"\r\n")
    line.accepts_passwords = False
    driver.say(b"USER alice\r\n")
    line.accepts_passwords = True
    driver.say(b"USER alice\r\nPASS secret\r\n")
    assert line.told == [
        ("USER", LoginFailure.REJECTED),
        ("APOP", LoginFailure.REJECTED),
        ("USER", LoginFailure.NEEDS_TLS),
        Identity(account="alice", mechanism="USER"),
    ]


def test_the_apop_example_of_rfc_1939() -> None:
    """RFC 1939 7: mrose, tanstaaf and their digest."""
    directory = Directory([User(name="mrose", password="tanstaaf")], entropy=SeededEntropy("apop"))
    digest = b"c4c9334bac560ecc979e58001b3e22fb"
    assert verified(directory, STAMP, "mrose", digest) == "mrose"
    assert verified(directory, STAMP, "mrose", digest[::-1]) is None
    assert verified(directory, STAMP.replace(b"1896", b"1897"), "mrose", digest) is None


def test_apop(filled: Post) -> None:
    """The digest of the greeting's timestamp and the password opens the maildrop."""
    digest = hashlib.md5(STAMP + b"secret", usedforsecurity=False).hexdigest().encode()
    empty = hashlib.md5(STAMP, usedforsecurity=False).hexdigest().encode()
    driver = filled.connect(timestamp=STAMP)
    assert driver.say(b"APOP alice\r\n") == b"-ERR Syntax: APOP name digest\r\n"
    assert driver.say(b"APOP alice " + digest.upper() + b"\r\n") == b"-ERR Syntax: APOP name digest\r\n"
    assert driver.say(b"APOP bob@elsewhere.example " + digest + b"\r\n") == REJECTED
    assert driver.say(b"APOP nobody " + empty + b"\r\n") == REJECTED
    assert driver.say(b"APOP  " + empty + b"\r\n") == REJECTED
    assert driver.say(b"APOP \xff " + digest + b"\r\n") == REJECTED
    assert driver.say(b"APOP alice " + digest + b"\r\n") == LOGGED_IN


def test_apop_is_not_there_unasked(filled: Post) -> None:
    """Without a timestamp there is nothing to digest, even if a client guesses."""
    digest = hashlib.md5(b"secret", usedforsecurity=False).hexdigest().encode()
    assert filled.connect().say(b"APOP alice " + digest + b"\r\n") == b"-ERR APOP is not available\r\n"


def test_every_timestamp_is_new() -> None:
    """Two connections in the same second have different timestamps, in a message id's form."""
    clock, entropy = FixedClock(), SeededEntropy("apop")
    first, second = new_timestamp(clock, entropy), new_timestamp(clock, entropy)
    assert first != second
    assert first.startswith(b"<")
    assert first.endswith(b"@lab.localhost>")


def test_auth_alone_lists_the_mechanisms(post: Post, line: Line) -> None:
    """One mechanism on each line; none where no credentials are accepted."""
    assert post.connect(line).say(b"AUTH\r\n") == b"+OK Mechanisms follow\r\nSCRAM-SHA-256\r\nPLAIN\r\n.\r\n"
    line.mechanisms = ()
    assert post.connect(line).say(b"AUTH\r\n") == b"+OK Mechanisms follow\r\n.\r\n"


def test_sasl_hands_over_an_account(filled: Post) -> None:
    """After the membrane's AUTH the session has the maildrop."""
    driver = filled.connect()
    assert driver.authenticate("alice") == LOGGED_IN
    assert driver.authenticate("alice") == b"-ERR You are logged in already\r\n"
    assert driver.say(b"STAT\r\n") == b"+OK 2 69\r\n"


def test_anonymous_clients_have_no_maildrop(post: Post) -> None:
    """Whoever is nobody has no mail, and no account is made for it."""
    driver = post.connect()
    assert driver.authenticate("") == b"-ERR [AUTH] Anonymous clients have no maildrop\r\n"
    assert driver.say(b"STAT\r\n") == b"-ERR Log in first\r\n"
    assert "" not in post.store.accounts


UTF8_HEADER = "Subject: Grüße\r\n\r\nHallo\r\n".encode()
LATIN1_HEADER = "Subject: Grüße\r\n\r\nHallo\r\n".encode("latin-1")
UTF8_BODY = "Subject: Gruss\r\n\r\nGrüße\r\n".encode()


def test_raw_octets_in_a_header_are_sent_as_they_are(post: Post) -> None:
    """Mail that came without SMTPUTF8 is given out whatever its header holds, in UTF-8 mode and outside."""
    post.deliver(UTF8_HEADER, LATIN1_HEADER, UTF8_BODY)
    driver = post.login()
    for number, content in enumerate((UTF8_HEADER, LATIN1_HEADER, UTF8_BODY), 1):
        assert driver.say(b"RETR %d\r\n" % number) == b"+OK %d octets\r\n%b.\r\n" % (len(content), content)
    assert driver.say(b"TOP 1 0\r\n").endswith("Subject: Grüße\r\n\r\n.\r\n".encode())


@pytest.mark.parametrize("service", ["smtp", "imap"])
def test_international_mail_is_downgraded_outside_utf8_mode(post: Post, service: str) -> None:
    """Mail that came by SMTPUTF8 or APPEND UTF8 has an ASCII header for those who did not say UTF8 (RFC 6857)."""
    envelope = Envelope(sender="", recipients=(), parameters={"SMTPUTF8": ""}, service=service)
    post.inbox.append([Draft(content=content, envelope=envelope) for content in (UTF8_HEADER, UTF8_BODY)])
    header = b"Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\n"
    driver = post.login()
    assert driver.say(b"RETR 1\r\n") == b"+OK %d octets\r\n%bHallo\r\n.\r\n" % (len(header) + 7, header)
    assert driver.say(b"TOP 1 0\r\n").endswith(b"\r\n" + header + b".\r\n")
    assert driver.say(b"TOP 1 5\r\n").endswith(b"\r\n" + header + b"Hallo\r\n.\r\n")
    assert driver.say(b"RETR 2\r\n").endswith(b"octets\r\n" + UTF8_BODY + b".\r\n")


def test_downgraded_mail_goes_out_in_pieces(post: Post) -> None:
    """A large message is not copied: its header is new, its body comes from where it is."""
    envelope = Envelope(sender="", recipients=(), parameters={"SMTPUTF8": ""})
    body = b".dots\r\n" * 40_000
    post.inbox.append([Draft(content="Subject: ü\r\n\r\n".encode() + body, envelope=envelope)])
    answer = post.login().say(b"RETR 1\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == body.replace(b".", b"..") + b".\r\n"


def test_utf8_mode(post: Post) -> None:
    """After UTF8 every message is sent as it is."""
    post.deliver(UTF8_HEADER)
    driver = post.connect()
    assert driver.say(b"UTF8 x\r\n") == b"-ERR Syntax: UTF8\r\n"
    assert driver.say(b"UTF8\r\n") == b"+OK UTF-8 mode\r\n"
    driver.say(b"USER alice\r\nPASS secret\r\n")
    assert driver.say(b"RETR 1\r\n").endswith(b"octets\r\n" + UTF8_HEADER + b".\r\n")
