"""Mailbox names coming and going, by the rules of RFC 9051 6.3.4 to 6.3.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.errors import LimitExceededError, StoreError
from labserver.limits import Limits
from labserver.mailstore.account import USUAL_MAILBOXES, begun_with
from labserver.mailstore.mailbox import Expunged, MailboxEvent
from labserver.mailstore.message import Draft
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.mailstore.account import Account


def tree(account: Account) -> tuple[set[str], set[str]]:
    """Return the mailboxes beside the usual ones, and the containers."""
    assert all(mailbox.name == name for name, mailbox in account.mailboxes.items())
    return set(account.mailboxes) - set(USUAL_MAILBOXES), set(account.containers)


def perform(account: Account, *steps: tuple[str, ...]) -> None:
    """Call the account's methods by name."""
    for operation, *arguments in steps:
        getattr(account, operation)(*arguments)


def test_an_account_begins_with_the_usual_mailboxes(mail_account: Account) -> None:
    """INBOX and the special-use folders of RFC 6154, all subscribed."""
    assert {name: mailbox.special_use for name, mailbox in mail_account.mailboxes.items()} == USUAL_MAILBOXES
    assert mail_account.subscriptions == set(USUAL_MAILBOXES)
    assert mail_account.containers == set()


@pytest.mark.parametrize(
    ("wanted", "mailboxes", "containers"),
    [
        ([], {"INBOX": None}, set()),
        (["Sent", "drafts", "Mine"], {"INBOX": None, "Sent": "\\Sent", "drafts": "\\Drafts", "Mine": None}, set()),
        (["inbox"], {"INBOX": None}, set()),
        (["a/b", "a", "c/d/e"], {"INBOX": None, "a/b": None, "a": None, "c/d/e": None}, {"c", "c/d"}),
        (["Inbox/x"], {"INBOX": None, "INBOX/x": None}, set()),
    ],
)
def test_an_account_begins_with_what_it_is_told(
    wanted: list[str], mailboxes: dict[str, str | None], containers: set[str]
) -> None:
    """INBOX always; the usual names have their use; the levels above exist; all are subscribed."""
    account = MailStore(folders=begun_with(wanted)).account("alice")
    assert {name: mailbox.special_use for name, mailbox in account.mailboxes.items()} == mailboxes
    assert account.containers == containers
    assert account.subscriptions == set(mailboxes)
    account.create("Sent/x")


@pytest.mark.parametrize(
    ("steps", "mailboxes", "containers"),
    [
        ([("create", "a")], {"a"}, set()),
        ([("create", "a/b/c")], {"a/b/c"}, {"a", "a/b"}),
        ([("create", "a/b/")], set(), {"a", "a/b"}),
        ([("create", "a/b"), ("create", "a")], {"a", "a/b"}, set()),
        ([("create", "a/b"), ("create", "a"), ("delete", "a")], {"a/b"}, {"a"}),
        ([("create", "a/b"), ("delete", "a/b")], set(), {"a"}),
        ([("create", "a/b"), ("delete", "a/b"), ("delete", "a")], set(), set()),
        ([("create", "inbox/sub")], {"INBOX/sub"}, set()),
        ([("create", "inboxes/sub")], {"inboxes/sub"}, {"inboxes"}),
        ([("create", "Entwürfe/日本")], {"Entwürfe/日本"}, {"Entwürfe"}),
        ([("create", "a"), ("rename", "a", "b/c")], {"b/c"}, {"b"}),
        ([("create", "a/b/c"), ("create", "ab"), ("rename", "a", "z")], {"z/b/c", "ab"}, {"z", "z/b"}),
        ([("create", "a"), ("create", "a/b"), ("rename", "a/", "x/")], {"x", "x/b"}, set()),
        ([("create", "a/b"), ("rename", "a/b", "ab")], {"ab"}, {"a"}),
        ([("create", "INBOX/sub"), ("rename", "inbox", "old")], {"INBOX/sub", "old"}, set()),
        ([("create", "a"), ("rename", "a", "inbox/a")], {"INBOX/a"}, set()),
        ([("create", "a/b"), ("rename", "a/b", "a/c/b")], {"a/c/b"}, {"a", "a/c"}),
    ],
)
def test_names_after(
    mail_account: Account, steps: list[tuple[str, ...]], mailboxes: set[str], containers: set[str]
) -> None:
    r"""Every level above a mailbox is there, as a mailbox or a ``\Noselect`` container."""
    perform(mail_account, *steps)
    assert tree(mail_account) == (mailboxes, containers)


@pytest.mark.parametrize(
    ("steps", "refused", "code"),
    [
        ([], ("create", "Inbox"), "ALREADYEXISTS"),
        ([("create", "a")], ("create", "a"), "ALREADYEXISTS"),
        ([("create", "a/b")], ("create", "a/"), "ALREADYEXISTS"),
        ([("create", "a")], ("create", "a/"), "ALREADYEXISTS"),
        ([], ("create", ""), "CANNOT"),
        ([], ("create", "/"), "CANNOT"),
        ([], ("create", "/a"), "CANNOT"),
        ([], ("create", "a//b"), "CANNOT"),
        ([], ("create", "a\nb"), "CANNOT"),
        ([], ("create", "a\x7f"), "CANNOT"),
        ([], ("create", "a\x85"), "CANNOT"),
        ([], ("create", "a\u2028"), "CANNOT"),
        ([], ("create", "a\ud800"), "CANNOT"),
        ([], ("create", "ü" * 128), "CANNOT"),
        ([], ("create", "a/" * 500 + "b"), "CANNOT"),
        ([], ("delete", "INBOX"), "CANNOT"),
        ([], ("delete", "inbox/"), "CANNOT"),
        ([], ("delete", "a"), "NONEXISTENT"),
        ([("create", "a/b")], ("delete", "a"), "HASCHILDREN"),
        ([], ("rename", "a", "b"), "NONEXISTENT"),
        ([("create", "a")], ("rename", "a", "Sent"), "ALREADYEXISTS"),
        ([("create", "a"), ("create", "b/c")], ("rename", "a", "b"), "ALREADYEXISTS"),
        ([("create", "a")], ("rename", "a", "inbox"), "ALREADYEXISTS"),
        ([("create", "a")], ("rename", "a", "a"), "ALREADYEXISTS"),
        ([("create", "a")], ("rename", "a", "a/b"), "CANNOT"),
        ([("create", "a")], ("rename", "a", "b//c"), "CANNOT"),
        ([], ("rename", "INBOX", "x\0"), "CANNOT"),
        ([("create", "a/" + "x" * 255)], ("rename", "a", "/".join(["y" * 249] * 3)), "CANNOT"),
        ([], ("subscribe", "a//b"), "CANNOT"),
    ],
)
def test_refusals(mail_account: Account, steps: list[tuple[str, ...]], refused: tuple[str, ...], code: str) -> None:
    """What cannot be done says why and changes nothing."""
    perform(mail_account, *steps)
    before = tree(mail_account), set(mail_account.subscriptions)
    with pytest.raises(StoreError) as error:
        perform(mail_account, refused)
    assert error.value.code == code
    assert (tree(mail_account), set(mail_account.subscriptions)) == before


def test_a_level_may_have_255_octets(mail_account: Account) -> None:
    """The bound itself is inside."""
    mail_account.create("x" * 255)
    assert mail_account.mailbox("x" * 255) is not None


@pytest.mark.parametrize("name", ["INBOX", "inbox", "InBoX"])
def test_inbox_in_any_case(mail_account: Account, name: str) -> None:
    """RFC 9051 5.1: INBOX, and only INBOX, is case-insensitive."""
    assert mail_account.mailbox(name) is mail_account.mailboxes["INBOX"]
    assert mail_account.canonical(name + "/Sub") == "INBOX/Sub"
    assert mail_account.mailbox("sent") is None


def test_renaming_inbox_moves_its_messages(mail_account: Account) -> None:
    """RFC 9051 6.3.6: INBOX stays, empty, and its observers hear that everything was expunged."""
    inbox = mail_account.mailboxes["INBOX"]
    messages = inbox.append([Draft(content=b"one"), Draft(content=b"two", flags=frozenset({"\\Seen", "Key"}))])
    validity, events = inbox.uid_validity, list[MailboxEvent]()
    inbox.observe(events.append)
    mail_account.rename("INBOX", "old/mail")
    target = mail_account.mailboxes["old/mail"]
    assert mail_account.mailboxes["INBOX"] is inbox
    assert (inbox.messages, inbox.size, inbox.uid_validity, inbox.uid_next) == ([], 0, validity, 3)
    assert events == [Expunged(messages=tuple(messages))]
    assert [(message.content, message.flags) for message in target.messages] == [
        (b"one", frozenset()),
        (b"two", {"\\Seen", "Key"}),
    ]
    assert target.uid_validity > validity


def test_renaming_an_empty_inbox_makes_an_empty_mailbox(mail_account: Account) -> None:
    """Nothing to move is no reason to refuse, and no event."""
    events: list[MailboxEvent] = []
    mail_account.mailboxes["INBOX"].observe(events.append)
    mail_account.rename("INBOX", "old")
    assert mail_account.mailboxes["old"].messages == []
    assert events == []


def test_a_renamed_mailbox_is_the_same_mailbox(mail_account: Account) -> None:
    """Messages, UIDVALIDITY, special use and observers go with it; subscriptions stay (RFC 9051 6.3.7)."""
    sent = mail_account.mailboxes["Sent"]
    sent.append([Draft(content=b"x")])
    mail_account.rename("Sent", "Gesendet")
    assert mail_account.mailboxes["Gesendet"] is sent
    assert (sent.special_use, len(sent.messages)) == ("\\Sent", 1)
    assert "Sent" in mail_account.subscriptions


@pytest.mark.parametrize("special_use", ["\\sent", "\\Important"])
def test_special_use_is_given_by_create(mail_account: Account, special_use: str) -> None:
    """CREATE-SPECIAL-USE, in the attribute's own spelling."""
    mailbox = mail_account.create("more", special_use=special_use)
    assert mailbox is not None
    assert mailbox.special_use == special_use.title()


@pytest.mark.parametrize(("name", "special_use"), [("x", "\\All"), ("x", "\\Nonsense"), ("x/", "\\Sent")])
def test_special_use_that_cannot_be(mail_account: Account, name: str, special_use: str) -> None:
    """RFC 6154 3: USEATTR."""
    with pytest.raises(StoreError) as refused:
        mail_account.create(name, special_use=special_use)
    assert refused.value.code == "USEATTR"


def test_subscriptions_are_names(mail_account: Account) -> None:
    """They need not exist, survive deletion, and unsubscribing what is not there is no error."""
    perform(mail_account, ("subscribe", "inbox/Lists/"), ("subscribe", "Sent"), ("delete", "Sent"))
    assert {"INBOX/Lists", "Sent"} <= mail_account.subscriptions
    perform(mail_account, ("unsubscribe", "Inbox/Lists"), ("unsubscribe", "nothing"))
    assert "INBOX/Lists" not in mail_account.subscriptions


def test_mailboxes_are_limited(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """Containers count, and a refused CREATE leaves none behind."""
    account = open_mail_store(Limits(mailboxes=len(USUAL_MAILBOXES) + 2)).account("alice")
    for name in ("a/b/c", "a/b/c/"):
        with pytest.raises(LimitExceededError) as refused:
            account.create(name)
        assert refused.value.code == "LIMIT"
    assert tree(account) == (set(), set())
    account.create("a/b")
    with pytest.raises(LimitExceededError):
        account.rename("INBOX", "old")
    with pytest.raises(LimitExceededError):
        account.rename("a/b", "c/d")
    account.create("a")
    assert tree(account) == ({"a", "a/b"}, set())


def test_subscriptions_are_limited(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """Names that need not exist could else be without end."""
    account = open_mail_store(Limits(mailboxes=6)).account("alice")
    for number in range(6):
        account.subscribe(f"n{number}")
    with pytest.raises(LimitExceededError):
        account.subscribe("one too many")
    account.subscribe("n0")
