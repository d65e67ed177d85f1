"""Mailboxes: what operations change, what they refuse, whom they tell."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from labserver.errors import LimitExceededError, StoreError
from labserver.limits import Limits
from labserver.mailstore import flags as flags_module
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.mailstore.flags import KEYWORD_OCTETS, MESSAGE_KEYWORDS
from labserver.mailstore.mailbox import Appended, Expunged, FlagsChanged, MailboxEvent, Removed
from labserver.mailstore.message import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.mailstore.account import Account
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message
    from labserver.mailstore.store import MailStore

    OpenMailStore = Callable[..., MailStore]


def draft(content: bytes = b"Subject: x\r\n\r\nbody\r\n", *flags: str) -> Draft:
    """Return a draft with these flags."""
    return Draft(content=content, flags=frozenset(flags))


def many(count: int, *, of: str = "k", first: int = 0) -> frozenset[str]:
    """Return so many keywords."""
    return frozenset(f"{of}{number}" for number in range(first, first + count))


def counters(mailbox: Mailbox) -> tuple[object, ...]:
    """Everything a refused operation must leave alone."""
    return (
        [(message.uid, message.flags, message.modseq) for message in mailbox.messages],
        mailbox.uid_next,
        mailbox.highest_modseq,
        mailbox.size,
        list(mailbox.keywords),
    )


class TestAppend:
    """Adding messages."""

    def test_messages_get_ascending_uids_and_one_modseq(self, inbox: Mailbox) -> None:
        """A batch has consecutive UIDs and one modification sequence above all before."""
        first = inbox.append([draft(b"one")])
        rest = inbox.append([draft(b"two"), draft(b"three")])
        assert [message.uid for message in first + rest] == [1, 2, 3]
        assert [message.modseq for message in first + rest] == [2, 3, 3]
        assert (inbox.uid_next, inbox.highest_modseq, inbox.size) == (4, 3, 11)
        assert inbox.messages == first + rest

    def test_content_is_kept_octet_for_octet(self, inbox: Mailbox) -> None:
        """Any octets come back, NUL and bare CR and LF included."""
        octets = bytes(range(256)) + b"\r\n.\r\n\n\r\0"
        (message,) = inbox.append([draft(octets)])
        assert message.content == octets
        assert message.size == len(octets)

    def test_an_empty_message_is_a_message(self, inbox: Mailbox) -> None:
        """Zero octets are kept as such."""
        (message,) = inbox.append([draft(b"")])
        assert message.content == b""

    def test_the_date_keeps_its_zone_and_loses_its_fraction(self, inbox: Mailbox) -> None:
        """IMAP shows whole seconds and a zone."""
        zone = timezone(timedelta(hours=5, minutes=30))
        date = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=zone)
        (message,) = inbox.append([Draft(content=b"x", internal_date=date)])
        assert message.internal_date == date.replace(microsecond=0)
        assert message.internal_date.utcoffset() == timedelta(hours=5, minutes=30)

    def test_the_date_is_now_unless_given(self, inbox: Mailbox) -> None:
        """The store's clock dates messages."""
        (message,) = inbox.append([draft()])
        assert message.internal_date == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def test_a_date_without_zone_is_refused(self) -> None:
        """A naive date has no meaning."""
        with pytest.raises(ValueError, match="time zone"):
            Draft(content=b"", internal_date=datetime(2026, 1, 1))  # noqa: DTZ001 -- what is tested

    def test_the_envelope_comes_with_the_message_and_its_copies(self, inbox: Mailbox, mail_account: Account) -> None:
        """How a message came is kept beside it, and copying keeps it."""
        envelope = Envelope(
            sender="",
            recipients=(Recipient(address="älice@lab.test", parameters={"NOTIFY": "NEVER", "ORCPT": "rfc822;a"}),),
            parameters={"ENVID": "QQ314159", "RET": "HDRS", "SMTPUTF8": ""},
            helo="client\udcff",
            peer="::1",
            service="submission",
            protocol="UTF8SMTPSA",
            account="bob",
        )
        (message,) = inbox.append([Draft(content=b"x", envelope=envelope)])
        (copy,) = inbox.copy([message], mail_account.mailboxes["Sent"])
        inbox.expunge([message])
        assert copy.envelope == envelope

    def test_nothing_appended_changes_nothing(self, inbox: Mailbox) -> None:
        """An empty batch is no change and no event."""
        events: list[MailboxEvent] = []
        inbox.observe(events.append)
        before = counters(inbox)
        assert inbox.append([]) == []
        assert counters(inbox) == before
        assert events == []

    @pytest.mark.parametrize(
        ("limits", "batch", "code"),
        [
            (Limits(message_size=3), [b"abc", b"abcd"], "TOOBIG"),
            (Limits(mailbox_messages=2), [b"a", b"b", b"c"], "LIMIT"),
            (Limits(mailbox_size=5), [b"abc", b"def"], "OVERQUOTA"),
        ],
    )
    def test_a_batch_beyond_a_limit_is_refused_whole(
        self, open_mail_store: OpenMailStore, limits: Limits, batch: list[bytes], code: str
    ) -> None:
        """All or nothing, with the limit's own code; what fits exactly is taken."""
        mailbox = open_mail_store(limits).account("alice").mailboxes["INBOX"]
        before = counters(mailbox)
        with pytest.raises(LimitExceededError) as refused:
            mailbox.append([draft(content, "$New") for content in batch])
        assert refused.value.code == code
        assert counters(mailbox) == before
        assert len(mailbox.append([draft(content) for content in batch[:-1]])) == len(batch) - 1


class TestFlags:
    """Flags and keywords."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (("\\seen", "\\DELETED"), {"\\Seen", "\\Deleted"}),
            (("\\Recent", "\\Draft"), {"\\Draft"}),
            (("$LABEL1",), {"$Label1"}),
            (("New", "new"), {"New"}),
            ((), set()),
        ],
    )
    def test_flags_have_one_spelling(self, inbox: Mailbox, given: tuple[str, ...], kept: set[str]) -> None:
        r"""System flags their own, keywords the first one used; ``\Recent`` is never kept."""
        inbox.append([draft(b"", "$Label1")])
        (message,) = inbox.append([Draft(content=b"", flags=frozenset(sorted(given)[:1]))])
        inbox.change_flags([(message, frozenset(given))])
        assert message.flags == kept

    @pytest.mark.parametrize("flag", ["", "two words", "\\Foo", "(", "a]", "é", 'quo"te', "\\*", "per%cent"])
    def test_what_is_no_atom_is_refused(self, inbox: Mailbox, flag: str) -> None:
        """Flags that no IMAP answer could carry are not stored."""
        before = counters(inbox)
        with pytest.raises(StoreError) as refused:
            inbox.append([draft(b"x", flag)])
        assert refused.value.code == "CANNOT"
        assert counters(inbox) == before

    def test_keywords_are_known_in_order_of_first_use(self, inbox: Mailbox) -> None:
        """One that is on several messages counts once."""
        one, other = inbox.append([draft(b"", "B"), draft(b"", "B")])
        inbox.change_flags([(one, frozenset({"A", "b"}))])
        assert inbox.keywords == ["B", "A"]
        inbox.change_flags([(other, frozenset({"C", "A"}))])
        assert inbox.keywords == ["B", "A", "C"]

    @pytest.mark.parametrize("way", ["expunge", "change", "move", "delete and create"])
    def test_a_keyword_is_forgotten_with_its_last_message(
        self, inbox: Mailbox, mail_account: Account, way: str
    ) -> None:
        """Not before; then it may be spelled another way."""
        one, other = inbox.append([draft(b"", "Key"), draft(b"", "kEY")])
        trash = mail_account.mailboxes["Trash"]
        forget: dict[str, Callable[[Message], object]] = {
            "expunge": lambda message: inbox.expunge([message]),
            "change": lambda message: inbox.change_flags([(message, frozenset({"\\Seen"}))]),
            "move": lambda message: inbox.move([message], trash),
            "delete and create": lambda message: inbox.move([message], trash),
        }
        before = inbox.keyword_changes
        forget[way](one)
        assert (inbox.keywords, inbox.keyword_changes) == (["Key"], before)
        forget[way](other)
        assert (inbox.keywords, inbox.keyword_changes) == ([], before + 1)
        if "move" in way:
            assert trash.keywords == ["Key"]
        (message,) = inbox.append([draft(b"", "KEY")])
        assert inbox.keywords == ["KEY"]
        assert message.flags == {"KEY"}

    def test_a_message_moved_within_its_mailbox_keeps_its_keywords(self, inbox: Mailbox) -> None:
        """No keyword is forgotten between leaving and coming."""
        messages = inbox.append([draft(b"", "A"), draft(b"", "B")])
        moved = inbox.move(messages, inbox)
        assert [message.flags for message in moved] == [{"A"}, {"B"}]
        assert (inbox.keywords, inbox.keyword_changes) == (["A", "B"], 1)

    def test_messages_with_the_same_flags_share_them(self, inbox: Mailbox, mail_account: Account) -> None:
        """However they got them, and wherever they are: one object in a mailbox."""
        one, other, third = inbox.append([draft(b"", "A", "\\Seen"), draft(b"", "A"), draft()])
        inbox.change_flags([(other, other.flags | {"\\seen"}), (third, frozenset({"a", "\\SEEN", "\\Recent"}))])
        assert one.flags is other.flags is third.flags
        (fourth,) = inbox.append([draft(b"", "A", "\\Seen")])
        assert fourth.flags is one.flags
        copies = inbox.copy([one, fourth], mail_account.mailboxes["Sent"])
        assert copies[0].flags is copies[1].flags

    def test_only_real_changes_count(self, inbox: Mailbox) -> None:
        """A message whose flags stay is not in the event and keeps its modseq; no change at all is no event."""
        seen, unseen = inbox.append([draft(b"", "\\Seen"), draft(b"")])
        events: list[MailboxEvent] = []
        inbox.observe(events.append)
        origin = object()
        inbox.change_flags([(seen, frozenset({"\\SEEN"})), (unseen, frozenset({"\\Seen"}))], origin=origin)
        inbox.change_flags([(seen, frozenset({"\\Seen"}))])
        assert events == [FlagsChanged(messages=(unseen,), origin=origin, before=([frozenset()], [2]))]
        assert (seen.modseq, unseen.modseq, inbox.highest_modseq) == (2, 3, 3)

    def test_flags_of_expunged_messages_do_not_change(self, inbox: Mailbox) -> None:
        """A late STORE for a message another session expunged passes over it."""
        gone, here = inbox.append([draft(), draft()])
        inbox.expunge([gone])
        inbox.change_flags([(gone, frozenset({"\\Seen"})), (here, frozenset({"\\Seen"}))])
        assert gone.flags == frozenset()
        assert here.flags == {"\\Seen"}


class TestKeywordLimits:
    """How many keywords a mailbox can have."""

    @pytest.fixture
    def few(self, open_mail_store: OpenMailStore) -> Account:
        """Return an account whose mailboxes hold five keywords."""
        return open_mail_store(Limits(keywords=5)).account("alice")

    @pytest.mark.parametrize("way", ["append", "change", "copy", "move"])
    def test_one_too_many_is_refused(self, few: Account, way: str) -> None:
        """``LIMIT``, and nothing at all has changed; what is known still works."""
        inbox, sent = few.mailboxes["INBOX"], few.mailboxes["Sent"]
        one, other = inbox.append([Draft(content=b"", flags=many(3)), Draft(content=b"", flags=many(2, first=3))])
        extra = sent.append([Draft(content=b"", flags=many(1)), Draft(content=b"", flags=many(1, of="x"))])
        before = counters(inbox), counters(sent)
        refused: dict[str, Callable[[], object]] = {
            "append": lambda: inbox.append([draft(), draft(b"", "extra")]),
            "change": lambda: inbox.change_flags([(one, frozenset()), (other, many(6))]),
            "copy": lambda: sent.copy(extra, inbox),
            "move": lambda: sent.move(extra, inbox),
        }
        with pytest.raises(LimitExceededError) as error:
            refused[way]()
        assert error.value.code == "LIMIT"
        assert (counters(inbox), counters(sent)) == before
        inbox.change_flags([(one, many(5))])
        assert len(one.flags) == 5

    def test_one_can_take_anothers_place(self, few: Account) -> None:
        """What is forgotten in the same change makes room."""
        inbox = few.mailboxes["INBOX"]
        (message,) = inbox.append([Draft(content=b"", flags=many(5))])
        assert not inbox.takes_keywords
        inbox.change_flags([(message, many(5, of="other"))])
        assert set(inbox.keywords) == many(5, of="other")
        inbox.change_flags([(message, many(4))])
        assert inbox.takes_keywords

    @pytest.mark.parametrize(
        ("flags", "fits"),
        [
            (frozenset({"k" * KEYWORD_OCTETS}), True),
            (frozenset({"k" * (KEYWORD_OCTETS + 1)}), False),
            (many(MESSAGE_KEYWORDS) | {"\\Seen", "\\Recent"}, True),
            (many(MESSAGE_KEYWORDS + 1), False),
        ],
        ids=["long", "too long", "many", "too many"],
    )
    def test_one_message(self, inbox: Mailbox, flags: frozenset[str], *, fits: bool) -> None:
        """A keyword is written out with every message that has it, so both are bounded."""
        before = counters(inbox)
        if fits:
            (message,) = inbox.append([Draft(content=b"", flags=flags)])
            assert message.flags == flags - {"\\Recent"}
            return
        with pytest.raises(LimitExceededError) as error:
            inbox.append([Draft(content=b"", flags=flags)])
        assert error.value.code == "LIMIT"
        assert counters(inbox) == before

    def test_combinations(self, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """A set of flags of its own for each message is more than memory holds; sets that others have are free."""
        monkeypatch.setattr(flags_module, "_SUM", 30)
        messages = inbox.append([Draft(content=b"", flags=many(9))] * 5)
        inbox.change_flags([(message, many(9) - {f"k{number}"}) for number, message in enumerate(messages[:2])])
        before = counters(inbox)
        with pytest.raises(LimitExceededError) as error:
            inbox.change_flags([(messages[2], many(9) - {"k5"})])
        assert error.value.code == "LIMIT"
        assert counters(inbox) == before
        inbox.change_flags([(messages[2], many(9) - {"k0"})])
        inbox.change_flags([(messages[3], frozenset())])
        inbox.append([Draft(content=b"", flags=many(9))])

    def test_work_is_by_sets_of_flags_not_by_messages(self, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hundred keywords on a thousand messages are looked at a few times, not a hundred thousand times."""
        messages = inbox.append([Draft(content=b"", flags=many(MESSAGE_KEYWORDS))] * 1_000)
        looked: list[str] = []
        spelling = flags_module.FlagSets.spelling

        def counted(sets: flags_module.FlagSets, flag: str) -> str | None:
            looked.append(flag)
            return spelling(sets, flag)

        monkeypatch.setattr(flags_module.FlagSets, "spelling", counted)
        inbox.change_flags([(message, message.flags | {"\\Seen"}) for message in messages])
        inbox.copy(messages, inbox)
        inbox.expunge(messages)
        assert len(looked) == MESSAGE_KEYWORDS + 1


class TestExpunge:
    """Removing messages."""

    @pytest.mark.parametrize("count", [0, 1, 3, 40, 100])
    def test_what_is_expunged_is_gone_and_the_rest_is_not(self, inbox: Mailbox, count: int) -> None:
        """Few or many: the others keep their UIDs and order, and the list stays the same object."""
        messages = inbox.append([draft(b"%d" % number) for number in range(100)])
        listed = inbox.messages
        gone = messages[::-1][:count]
        inbox.expunge(gone)
        assert inbox.messages is listed
        assert inbox.messages == messages[: 100 - count]
        assert inbox.size == sum(message.size for message in inbox.messages)
        assert inbox.uid_next == 101
        assert inbox.highest_modseq == (3 if count else 2)

    def test_the_event_lists_them_ascending_and_once(self, inbox: Mailbox) -> None:
        """Observers get what is really gone, whatever was asked for."""
        one, two, three = inbox.append([draft(), draft(), draft()])
        inbox.expunge([two])
        events: list[MailboxEvent] = []
        inbox.observe(events.append)
        inbox.expunge([three, two, one, three])
        inbox.expunge([two])
        assert events == [Expunged(messages=(one, three))]

    def test_half_of_many_goes_in_linear_time(self, inbox: Mailbox) -> None:
        """20,000 of 40,000: comparing each with each would take minutes."""
        messages = inbox.append([draft(b"x")] * 40_000)
        begin = time.process_time()  # the processor's, which others' work does not lengthen
        inbox.expunge(messages[::2])
        assert time.process_time() - begin < 5
        assert len(inbox.messages) == 20_000


class TestCopyAndMove:
    """Messages from one mailbox to another."""

    def test_copies_keep_flags_and_date(self, inbox: Mailbox, mail_account: Account) -> None:
        """RFC 9051 6.4.7: flags and internal date are preserved; keywords take the target's spelling."""
        target = mail_account.mailboxes["Archive"]
        target.append([draft(b"", "$todo")])
        date = datetime(2001, 2, 3, tzinfo=UTC)
        (message,) = inbox.append([Draft(content=b"x", flags=frozenset({"\\Seen", "$Todo"}), internal_date=date)])
        (copy,) = inbox.copy([message], target)
        assert (copy.uid, copy.flags, copy.internal_date, copy.content) == (
            2,
            frozenset({"\\Seen", "$todo"}),
            date,
            b"x",
        )
        assert inbox.messages == [message]

    def test_a_copy_outlives_its_original(self, inbox: Mailbox, mail_account: Account) -> None:
        """The octets belong to both."""
        (message,) = inbox.append([draft(b"shared")])
        (copy,) = inbox.copy([message], mail_account.mailboxes["Sent"])
        inbox.expunge([message])
        assert copy.content == b"shared"

    def test_moving_tells_both_sides(self, inbox: Mailbox, mail_account: Account) -> None:
        """The target gets its message before the source loses it."""
        target = mail_account.mailboxes["Trash"]
        (message,) = inbox.append([draft(b"x")])
        events: list[MailboxEvent] = []
        inbox.observe(events.append)
        target.observe(events.append)
        moved = inbox.move([message], target)
        assert events == [Appended(messages=tuple(moved)), Expunged(messages=(message,))]
        assert (inbox.messages, target.messages) == ([], moved)
        assert moved[0].content == b"x"

    def test_moving_within_a_mailbox_gives_new_uids(self, open_mail_store: OpenMailStore) -> None:
        """RFC 6851 3.3 allows it; a full mailbox has room for it, since nothing grows."""
        mailbox = open_mail_store(Limits(mailbox_messages=2, mailbox_size=4)).account("a").mailboxes["INBOX"]
        one, two = mailbox.append([draft(b"ab"), draft(b"cd")])
        (moved,) = mailbox.move([one], mailbox)
        assert mailbox.messages == [two, moved]
        assert (moved.uid, moved.content, mailbox.size) == (3, b"ab", 4)

    @pytest.mark.parametrize("operation", ["copy", "move"])
    def test_a_message_that_is_gone_stops_the_whole(
        self, inbox: Mailbox, mail_account: Account, operation: str
    ) -> None:
        """All or nothing: EXPUNGEISSUED, and both mailboxes are as before."""
        target = mail_account.mailboxes["Sent"]
        here, gone = inbox.append([draft(), draft()])
        inbox.expunge([gone])
        before = counters(inbox), counters(target)
        with pytest.raises(StoreError) as refused:
            getattr(inbox, operation)([here, gone], target)
        assert refused.value.code == "EXPUNGEISSUED"
        assert (counters(inbox), counters(target)) == before

    @pytest.mark.parametrize("operation", ["copy", "move"])
    def test_a_full_target_stops_the_whole(self, open_mail_store: OpenMailStore, operation: str) -> None:
        """LIMIT, and both mailboxes are as before."""
        account = open_mail_store(Limits(mailbox_messages=2)).account("a")
        source, target = account.mailboxes["INBOX"], account.mailboxes["Sent"]
        messages = source.append([draft(), draft()])
        target.append([draft()])
        before = counters(source), counters(target)
        with pytest.raises(LimitExceededError):
            getattr(source, operation)(messages, target)
        assert (counters(source), counters(target)) == before


class TestObservers:
    """Those who watch a mailbox."""

    def test_a_forgotten_observer_hears_nothing(self, inbox: Mailbox) -> None:
        """forget() ends it; forgetting twice is no error."""
        events: list[MailboxEvent] = []
        inbox.observe(events.append)
        inbox.append([draft()])
        inbox.forget(events.append)
        inbox.forget(events.append)
        inbox.append([draft()])
        assert len(events) == 1

    def test_an_observer_that_fails_harms_nobody(self, inbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
        """The change is done, the others hear of it, the log has the traceback."""

        def broken(_event: MailboxEvent) -> None:
            raise RuntimeError("a bug in a session")

        events: list[MailboxEvent] = []
        inbox.observe(broken)
        inbox.observe(events.append)
        assert len(inbox.append([draft()])) == 1
        assert len(events) == 1
        assert "a bug in a session" in caplog.text

    def test_events_come_after_the_fact(self, inbox: Mailbox) -> None:
        """An observer sees the mailbox as it is now."""
        seen: list[tuple[int, int]] = []
        inbox.observe(lambda _event: seen.append((len(inbox.messages), inbox.highest_modseq)))
        (message,) = inbox.append([draft()])
        inbox.change_flags([(message, frozenset({"\\Seen"}))])
        inbox.expunge([message])
        assert seen == [(1, 2), (1, 3), (0, 4)]


class TestDeletedMailbox:
    """What is left to a session whose mailbox is gone."""

    @pytest.mark.parametrize(
        "operation",
        [
            lambda box, _message: box.append([draft()]),
            lambda box, message: box.change_flags([(message, frozenset())]),
            lambda box, message: box.expunge([message]),
            lambda box, message: box.copy([message], box),
            lambda box, message: box.move([message], box),
            lambda box, _message: setattr(box, "first_recent", 5),
        ],
        ids=["append", "change_flags", "expunge", "copy", "move", "first_recent"],
    )
    def test_no_change_is_possible_any_more(
        self, mail_account: Account, operation: Callable[[Mailbox, Message], object]
    ) -> None:
        """A session that still has it selected gets NONEXISTENT, and was told so."""
        mailbox = mail_account.mailboxes["Junk"]
        (message,) = mailbox.append([draft()])
        events: list[MailboxEvent] = []
        mailbox.observe(events.append)
        mail_account.delete("Junk")
        assert events == [Removed()]
        with pytest.raises(StoreError) as refused:
            operation(mailbox, message)
        assert refused.value.code == "NONEXISTENT"

    def test_it_cannot_be_copied_to(self, inbox: Mailbox, mail_account: Account) -> None:
        """A deleted target is refused too."""
        target = mail_account.mailboxes["Junk"]
        mail_account.delete("Junk")
        with pytest.raises(StoreError, match="was deleted"):
            inbox.copy(inbox.append([draft()]), target)


def test_the_lock_has_one_owner(inbox: Mailbox) -> None:
    """RFC 1939 4: whoever has the maildrop keeps it until it is given back by the same."""
    one, other = object(), object()
    assert inbox.lock(one)
    assert inbox.lock(one)
    assert not inbox.lock(other)
    inbox.unlock(other)
    assert not inbox.lock(other)
    inbox.unlock(one)
    assert inbox.lock(other)


def test_what_a_reader_leaves(inbox: Mailbox) -> None:
    """It is there for the next one."""
    (message,) = inbox.append([draft()])
    assert message.known("envelope") is None
    assert message.keep("envelope", b"()")
    assert message.known("envelope") == b"()"
