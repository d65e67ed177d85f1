"""Files of other programs become messages, trees become mailboxes, mistakes become one sentence."""

from __future__ import annotations

import mailbox as stdlib_mailbox
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from labserver.clock import FixedClock, SeededEntropy
from labserver.errors import ConfigurationError
from labserver.limits import Limits
from labserver.mailstore.directory import Directory
from labserver.mailstore.mailfiles import maildir_folder, read_mbox, read_message
from labserver.mailstore.preload import PreloadReport, preload
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from labserver.mailstore.message import Message
    from tests.plain_user import PlainUser

EML = b"Subject: hi\nDate: Tue, 3 Feb 2026 04:05:06 +0530\n\n\xff.\n"
MTIME = 1_700_000_000
"""2023-11-14 22:13:20 UTC."""


def write(path: Path, content: bytes) -> Path:
    """Write a file with a known time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MTIME, MTIME))
    return path


def maildir(path: Path, files: dict[str, bytes]) -> None:
    """Make a Maildir with these files, named like ``cur/1.a:2,S``; each a second later than the one before."""
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    for seconds, (name, content) in enumerate(files.items()):
        os.utime(write(path / name, content), (MTIME + seconds, MTIME + seconds))


def test_what_is_told_is_short() -> None:
    """A tree without any mail is told in a line."""
    report = PreloadReport(added=0, present=2, ignored=tuple(map(Path, "abcdefgh")))
    assert str(report) == "0 loaded, 2 there already; passed over, no mail: a, b, c, d, e …"


def load(store: MailStore, path: Path, *, accept_any: bool = False) -> PreloadReport:
    """Preload for alice and bob."""
    return preload(path, store=store, directory=Directory(entropy=SeededEntropy("x"), accept_any=accept_any))


def contents(store: MailStore) -> dict[str, list[bytes]]:
    """Return the contents of every mailbox that is not empty, as account:mailbox."""
    return {
        f"{name}:{mailbox.name}": [message.content for message in mailbox.messages]
        for name, account in store.accounts.items()
        for mailbox in account.mailboxes.values()
        if mailbox.messages
    }


class TestFormats:
    """One file at a time."""

    @pytest.mark.parametrize(
        ("raw", "stored"),
        [
            (b"A: b\n\nx\n", b"A: b\r\n\r\nx\r\n"),
            (b"A: b\r\n\r\nx\r\n", b"A: b\r\n\r\nx\r\n"),
            (b"A: b\r\n\nx\ry", b"A: b\r\n\r\nx\ry"),
            (b"\n", b"\r\n"),
            (b"From me\n>From you\n", b"From me\r\n>From you\r\n"),
            (b"", b""),
            (bytes(range(11, 256)), bytes(range(11, 256))),
            (b"\xef\xbb\xbfA: b\n\n\xef\xbb\xbfx\n", b"A: b\r\n\r\n\xef\xbb\xbfx\r\n"),
        ],
    )
    def test_bare_lf_becomes_crlf_and_nothing_else_changes(self, tmp_path: Path, raw: bytes, stored: bytes) -> None:
        """Stored mail has CRLF; every other octet is the file's."""
        assert read_message(write(tmp_path / "x.eml", raw)).content == stored

    @pytest.mark.parametrize(
        ("header", "date"),
        [
            (b"Date: Tue, 3 Feb 2026 04:05:06 +0530", "2026-02-03T04:05:06+05:30"),
            (b"X: y\nDATE:\n Tue, 3 Feb\n 2026 04:05:06 -0000\nZ: z", "2026-02-03T04:05:06+00:00"),
            (b"Date: 3 Feb 26 04:05 EST", "2026-02-03T04:05:00-05:00"),
            (b"Date: soon", "2023-11-14T22:13:20+00:00"),
            (b"Date: Fri, 31 Dec 9999 23:59:59 -0100", "2023-11-14T22:13:20+00:00"),
            (b"Subject: x\n\nDate: Tue, 3 Feb 2026 04:05:06 +0530", "2023-11-14T22:13:20+00:00"),
        ],
    )
    def test_a_message_is_dated_by_its_header_else_by_its_file(self, tmp_path: Path, header: bytes, date: str) -> None:
        """The header's own zone is kept; a header in the body is none."""
        draft = read_message(write(tmp_path / "x.eml", header + b"\n\nbody\n"))
        assert draft.internal_date is not None
        assert draft.internal_date.isoformat() == date

    @pytest.mark.parametrize(
        ("raw", "stored"),
        [
            (b"From a Tue Feb  3 04:05:06 2026\nA: 1\n\nx\n", [b"A: 1\r\n\r\nx\r\n"]),
            (b"From a d\nA: 1\n\nx\n\nFrom b d\nB: 2\n\ny\n\n", [b"A: 1\r\n\r\nx\r\n", b"B: 2\r\n\r\ny\r\n"]),
            (
                b"From a d\nA: 1\n\nx\nFrom y\n>From z\n>>From q\n",
                [b"A: 1\r\n\r\nx\r\nFrom y\r\nFrom z\r\n>From q\r\n"],
            ),
            (b"From a d\r\nA: 1\r\n\r\nx\r\n\r\nFrom b d\r\nB: 2\r\n", [b"A: 1\r\n\r\nx\r\n", b"B: 2\r\n"]),
            (b"From a d\nA: 1\n\n\n\nFrom b d\nB: 2", [b"A: 1\r\n\r\n\r\n", b"B: 2"]),
            (b"From a d\n", [b""]),
            (
                (
                    b"From MAILER Mon Jan  5 10:00:00 2026\nA: 1\n\nx\n"
                    b"From MAILER Tue Jan  6 10:00:00 2026\nB: 2\n\ny\n"
                    b"From - Wed Jan 07 10:00 2026\nC: 3\n\nz\nFrom a@b Thu, 8 Jan 2026 10:00:00 +0100\n"
                    b"D: 4\n\n\nFrom  Fri Jan  9 10:00:00 CET 2026\r\nE: 5\n"
                ),
                [
                    b"A: 1\r\n\r\nx\r\n",
                    b"B: 2\r\n\r\ny\r\n",
                    b"C: 3\r\n\r\nz\r\n",
                    b"D: 4\r\n\r\n",
                    b"E: 5\r\n",
                ],
            ),
            (
                (
                    b"From a d\nA: 1\n\nx\nFrom here to Mon Jan  5 10:00:00 2026\nFrom a Mon Jan 99 10:00:00 2026\n"
                    b"From a Mon Jan  5\nFrom Mon to Tue\nFrom a Mon Jan  5 10:00:00 2026 on\n"
                ),
                [
                    (
                        b"A: 1\r\n\r\nx\r\nFrom here to Mon Jan  5 10:00:00 2026\r\nFrom a Mon Jan 99 10:00:00 2026\r\n"
                        b"From a Mon Jan  5\r\nFrom Mon to Tue\r\nFrom a Mon Jan  5 10:00:00 2026 on\r\n"
                    )
                ],
            ),
            (b"\xef\xbb\xbfFrom a d\nA: 1\n\nx\n", [b"A: 1\r\n\r\nx\r\n"]),
        ],
        ids=["one", "two", "quoted", "crlf", "blank-body", "empty", "no-blank-line", "no-separator", "byte-order-mark"],
    )
    def test_mbox(self, tmp_path: Path, raw: bytes, stored: list[bytes]) -> None:
        """Separators follow an empty line, which is theirs, or have a date; one > is taken from quoted From lines."""
        assert [draft.content for draft in read_mbox(write(tmp_path / "m", raw))] == stored

    def test_mbox_dates_and_flags(self, tmp_path: Path) -> None:
        """Separator line, Date header, file, in this order; Status and X-Status are flags."""
        raw = (
            b"From a@b Tue Feb  3 04:05:06 2026\nStatus: RO\nX-Status: AF\n\n\n"
            b"From a@b sometime\nDate: Wed, 4 Feb 2026 04:05:06 +0000\nStatus: O\n\n\n"
            b"From a@b\nSubject: x\n\nStatus: R\n"
        )
        drafts = list(read_mbox(write(tmp_path / "m", raw)))
        assert [str(draft.internal_date) for draft in drafts] == [
            "2026-02-03 04:05:06+00:00",
            "2026-02-04 04:05:06+00:00",
            "2023-11-14 22:13:20+00:00",
        ]
        assert [draft.flags for draft in drafts] == [{"\\Seen", "\\Answered", "\\Flagged"}, set(), set()]

    def test_what_pythons_mailbox_module_writes(self, tmp_path: Path) -> None:
        """An mbox made by another program comes back as the messages that went in."""
        box = stdlib_mailbox.mbox(tmp_path / "m")
        messages = [b"Subject: %d\n\nFrom here\n\nFrom there\n>From\nend\n" % number for number in range(3)]
        for message in messages:
            box.add(message)
        box.close()
        assert [draft.content for draft in read_mbox(tmp_path / "m")] == [
            message.replace(b"\n", b"\r\n") for message in messages
        ]

    @pytest.mark.parametrize(
        ("directory", "name"),
        [
            (".Sent", "Sent"),
            (".Lists.python", "Lists/python"),
            (".Entw&APw-rfe", "Entwürfe"),
            (".a&-b", "a&b"),
            (".&ZeVnLIqe-.&U,BTFw-", "日本語/台北"),
            (".&!!!-", "&!!!-"),
        ],
    )
    def test_maildir_folder_names(self, directory: str, name: str) -> None:
        """Maildir++ has dots for levels and IMAP's modified UTF-7 for the rest."""
        assert maildir_folder(directory) == name


class TestTrees:
    """Where messages go."""

    def test_loose_messages_are_the_first_accounts(self, mail_store: MailStore, tmp_path: Path) -> None:
        """DIR/*.eml and an mbox of no account's name; what is neither is reported, what is hidden is not."""
        write(tmp_path / "b.eml", b"second")
        write(tmp_path / "a.EML", b"first")
        write(tmp_path / "c.mbox", b"\xef\xbb\xbfFrom a d\nthird")
        write(tmp_path / "notes.txt", b"no mail")
        write(tmp_path / ".hidden.eml", b"x")
        report = load(mail_store, tmp_path)
        assert contents(mail_store) == {"alice:INBOX": [b"first", b"second", b"third"]}
        assert report == PreloadReport(added=3, present=0, ignored=(tmp_path / "notes.txt",))
        assert str(report) == "3 loaded; passed over, no mail: notes.txt"

    def test_directories_are_accounts_and_folders(self, mail_store: MailStore, tmp_path: Path) -> None:
        """DIR/account/folder/…, in any depth; an mbox is a folder; an empty directory too."""
        write(tmp_path / "bob" / "1.eml", b"inbox")
        write(tmp_path / "bob" / "Sent" / "1.eml", b"sent")
        write(tmp_path / "bob" / "Lists" / "py" / "1.eml", b"list")
        write(tmp_path / "bob" / "Archive.mbox", b"From a d\narchived")
        write(tmp_path / "bob" / "Lists" / "2025", b"From a d\nold")
        write(tmp_path / "bob" / "inbox.mbox", b"From a d\nin too")
        (tmp_path / "Alice@lab.test" / "Empty").mkdir(parents=True)
        report = load(mail_store, tmp_path)
        assert contents(mail_store) == {
            "bob:INBOX": [b"inbox", b"in too"],
            "bob:Sent": [b"sent"],
            "bob:Lists/py": [b"list"],
            "bob:Lists/2025": [b"old"],
            "bob:Archive": [b"archived"],
        }
        assert "Lists/py" in mail_store.accounts["bob"].subscriptions
        assert mail_store.accounts["alice"].mailbox("Empty") is not None
        assert report.added == 6

    def test_an_mbox_per_account(self, mail_store: MailStore, tmp_path: Path) -> None:
        """As in /var/mail."""
        write(tmp_path / "bob", b"From a d\nfor bob")
        write(tmp_path / "alice.mbox", b"From a d\nfor alice")
        load(mail_store, tmp_path)
        assert contents(mail_store) == {"alice:INBOX": [b"for alice"], "bob:INBOX": [b"for bob"]}

    @pytest.mark.parametrize(("place", "account"), [("", "alice"), ("bob", "bob")])
    def test_maildir_trees(self, mail_store: MailStore, tmp_path: Path, place: str, account: str) -> None:
        """Maildir++ folders, flags from names, times from files, what is in tmp left out."""
        root = tmp_path / "tree" / place
        maildir(
            root,
            {
                "cur/9.x:2,FS": b"old\n",
                "new/8.x": b"new",
                "cur/1.x:2,RTDPab": b"newer",
                "cur/2.x": b"newest",
                "tmp/3.x": b"half",
                "cur/.lock": b"no mail",
            },
        )
        maildir(root / ".Sent", {"cur/1.x:2,S": b"sent"})
        maildir(root / ".Lists.python", {"new/1.x": b"list"})
        write(root / "dovecot-uidlist", b"3 V1\n")
        (root / ".cache").mkdir()
        report = load(mail_store, tmp_path / "tree")
        inbox: list[Message] = mail_store.accounts[account].mailboxes["INBOX"].messages
        assert [(message.content, set(message.flags)) for message in inbox] == [
            (b"old\r\n", {"\\Flagged", "\\Seen"}),
            (b"new", set()),
            (b"newer", {"\\Answered", "\\Deleted", "\\Draft", "$Forwarded"}),
            (b"newest", set()),
        ]
        assert [int(message.internal_date.timestamp()) - MTIME for message in inbox] == [0, 1, 2, 3]
        del (found := contents(mail_store))[f"{account}:INBOX"]
        assert found == {f"{account}:Sent": [b"sent"], f"{account}:Lists/python": [b"list"]}
        assert report.ignored == (root / "dovecot-uidlist",)

    def test_single_files(self, mail_store: MailStore, tmp_path: Path) -> None:
        """The path may be a file."""
        load(mail_store, write(tmp_path / "x.eml", EML))
        load(mail_store, write(tmp_path / "m", b"From a d\nmbox"))
        assert contents(mail_store) == {"alice:INBOX": [EML.replace(b"\n", b"\r\n"), b"mbox"]}

    def test_anybody_has_a_directory(self, mail_store: MailStore, tmp_path: Path) -> None:
        """With accept-any every name is an account's."""
        write(tmp_path / "zoe" / "1.eml", b"x")
        load(mail_store, tmp_path, accept_any=True)
        assert contents(mail_store) == {"zoe:INBOX": [b"x"]}

    def test_loading_again_adds_nothing(self, mail_store: MailStore, tmp_path: Path) -> None:
        """A kept store is started with the same files every time; twins within the files stay twins."""
        write(tmp_path / "1.eml", b"twin")
        write(tmp_path / "2.eml", b"twin")
        write(tmp_path / "alice" / "Sent" / "3.eml", b"other")
        assert load(mail_store, tmp_path).added == 3
        write(tmp_path / "4.eml", b"fresh")
        assert load(mail_store, tmp_path) == PreloadReport(added=1, present=3, ignored=())


class TestLinks:
    """No link is followed out of the directory, nowhere, or in a circle; each that was not is told."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        """Return a directory full of secrets beside the one that is loaded."""
        maildir(tmp_path / "outside", {"cur/1.x": b"secret"})
        write(tmp_path / "outside" / "key.eml", b"secret")
        write(tmp_path / "outside" / "box.mbox", b"From a d\nsecret")
        write(tmp_path / "outside" / "folder" / "1.eml", b"secret")
        return tmp_path / "outside"

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Return the directory that is loaded: a message, and alice's folder with one."""
        write(tmp_path / "mail" / "1.eml", b"first")
        write(tmp_path / "mail" / "alice" / "Sent" / "1.eml", b"sent")
        return tmp_path / "mail"

    _LOADED: ClassVar = {"alice:INBOX": [b"first"], "alice:Sent": [b"sent"]}

    @pytest.mark.parametrize("relative", [False, True])
    @pytest.mark.parametrize(
        ("link", "target"),
        [
            ("x.eml", "key.eml"),
            ("x.eml", ""),
            ("alice/x.eml", "key.eml"),
            ("alice/Sent/x.eml", "key.eml"),
            ("box.mbox", "box.mbox"),
            ("alice/box", "box.mbox"),
            ("bob", "folder"),
            ("bob", ""),
            ("alice/Drafts", "folder"),
            ("alice/Drafts", ""),
            ("alice/cur", "cur"),
        ],
    )
    def test_out(
        self, mail_store: MailStore, root: Path, outside: Path, link: str, target: str, *, relative: bool
    ) -> None:
        """A link that leads out of the directory is passed over, whatever it stands for."""
        place = root / link
        place.symlink_to(os.path.relpath(outside / target, place.parent) if relative else outside / target)
        report = load(mail_store, root)
        assert report.skipped == (f"{place} (it leads out of the directory)",)
        assert contents(mail_store) == self._LOADED

    def test_out_of_a_maildir(self, mail_store: MailStore, root: Path, outside: Path) -> None:
        """The same holds for each message of a Maildir, for its folders and for their parts."""
        maildir(root / "bob", {"cur/1.x": b"mine"})
        (root / "bob" / "new" / "2.x").symlink_to(outside / "key.eml")
        (root / "bob" / ".Sent").symlink_to(outside)
        (root / "bob" / ".Half" / "new").mkdir(parents=True)
        (root / "bob" / ".Half" / "cur").symlink_to(outside / "cur")
        report = load(mail_store, root)
        assert {text.partition(" ")[0] for text in report.skipped} == {
            str(root / "bob" / name) for name in ("new/2.x", ".Sent")
        }
        assert contents(mail_store) == {**self._LOADED, "bob:INBOX": [b"mine"]}

    @pytest.mark.parametrize("target", ["absent", "1.eml/absent", "x.eml"])
    @pytest.mark.parametrize("name", ["x.eml", "alice/Sent/x.eml", "alice/x", "bob"])
    def test_nowhere(self, mail_store: MailStore, root: Path, name: str, target: str) -> None:
        """A link that leads nowhere, or to itself, is passed over, wherever it is."""
        (root / name).symlink_to(root / (name if target == "x.eml" else target))
        report = load(mail_store, root)
        (told,) = report.skipped
        assert told.startswith(f"{root / name} (it leads ")
        assert contents(mail_store) == self._LOADED
        assert str(report) == f"2 loaded; WARNING: links not followed: {told}"

    @pytest.mark.parametrize("target", [".", "..", "../alice", "../../mail"])
    def test_back(self, mail_store: MailStore, root: Path, target: str) -> None:
        """A link to a folder that it is in would have no end."""
        (root / "alice" / "again").symlink_to(target)
        report = load(mail_store, root)
        assert report.skipped == (f"{root / 'alice' / 'again'} (it leads back to where it is)",)
        assert contents(mail_store) == self._LOADED

    def test_from_one_to_the_other(self, mail_store: MailStore, root: Path) -> None:
        """Two folders that lead to each other have each other's mail once."""
        write(root / "bob" / "1.eml", b"bob's")
        (root / "alice" / "bob").symlink_to(root / "bob")
        (root / "bob" / "alice").symlink_to(root / "alice")
        assert len(load(mail_store, root).skipped) == 2
        assert contents(mail_store) == {
            **self._LOADED,
            "alice:bob": [b"bob's"],
            "bob:INBOX": [b"bob's"],
            "bob:alice/Sent": [b"sent"],
        }

    def test_many_ways(self, mail_store: MailStore, root: Path) -> None:
        """Folders that each have two links to the next are not read twice as often each time."""
        for number in range(30):
            (root / "alice" / f"d{number}").mkdir()
            for name in "ab":
                (root / "alice" / f"d{number}" / name).symlink_to(root / "alice" / f"d{number + 1}")
        write(root / "alice" / "d30" / "1.eml", b"last")
        load(mail_store, root)
        assert sum(map(len, contents(mail_store).values())) == 5

    def test_inside(self, mail_store: MailStore, root: Path, tmp_path: Path) -> None:
        """A link that stays inside is followed, and so is the directory's own name if that is a link."""
        (root / "2.eml").symlink_to("alice/Sent/1.eml")
        (root / "alice" / "Copy").symlink_to(root / "alice" / "Sent")
        (tmp_path / "link").symlink_to(root)
        assert load(mail_store, tmp_path / "link").skipped == ()
        assert contents(mail_store) == {
            "alice:INBOX": [b"first", b"sent"],
            "alice:Sent": [b"sent"],
            "alice:Copy": [b"sent"],
        }

    def test_a_named_file(self, mail_store: MailStore, root: Path, tmp_path: Path) -> None:
        """What the operator names is loaded, also through a link."""
        (tmp_path / "x.eml").symlink_to(root / "1.eml")
        load(mail_store, tmp_path / "x.eml")
        assert contents(mail_store) == {"alice:INBOX": [b"first"]}


class TestMistakes:
    """One sentence that names the file."""

    def test_nothing_there(self, mail_store: MailStore, tmp_path: Path) -> None:
        """A path that does not exist."""
        with pytest.raises(ConfigurationError, match=r"absent: No such file or directory$"):
            load(mail_store, tmp_path / "absent")

    @pytest.mark.parametrize("target", ["absent", "x"])
    def test_a_link_to_nothing(self, mail_store: MailStore, tmp_path: Path, target: str) -> None:
        """A path that is a link nowhere, or to itself."""
        (tmp_path / "x").symlink_to(target)
        with pytest.raises(ConfigurationError, match=f"^{tmp_path}/x: (No such file|Too many levels)"):
            load(mail_store, tmp_path / "x")

    def test_an_unknown_account(self, mail_store: MailStore, tmp_path: Path) -> None:
        """A directory that is nobody's lists who there is."""
        (tmp_path / "carol").mkdir()
        with pytest.raises(ConfigurationError, match=r"carol: there is no account 'carol'.* alice, bob, catchall"):
            load(mail_store, tmp_path)

    @pytest.mark.parametrize("name", ["x.eml", "alice/Sent/x.eml", "alice"])
    def test_no_rights(self, mail_store: MailStore, plain_user: PlainUser, name: str) -> None:
        """A file or a directory that may not be read is named, wherever it is."""
        path = plain_user.own(write(plain_user.folder / "mail" / "alice" / "Sent" / "x.eml", EML).parent)
        write(plain_user.folder / "mail" / "x.eml", EML)
        locked = plain_user.folder / "mail" / name
        locked.chmod(0o000)
        try:
            with plain_user.acting(), pytest.raises(ConfigurationError, match=f"^{locked}[^ ]*: Permission denied"):
                load(mail_store, plain_user.folder / "mail")
        finally:
            locked.chmod(0o700)
        assert path.exists()

    def test_a_pipe_is_not_waited_for(self, mail_store: MailStore, tmp_path: Path) -> None:
        """It is reported like any file that is no mail."""
        os.mkfifo(tmp_path / "x.eml")
        maildir(tmp_path / "alice", {"cur/1.x": b"x"})
        os.mkfifo(tmp_path / "alice" / "new" / "2.x")
        assert set(load(mail_store, tmp_path).ignored) == {tmp_path / "x.eml", tmp_path / "alice" / "new" / "2.x"}
        assert contents(mail_store) == {"alice:INBOX": [b"x"]}

    def test_an_impossible_folder_name(self, mail_store: MailStore, tmp_path: Path) -> None:
        """A directory IMAP could not show."""
        write(tmp_path / "alice" / "a\nb" / "1.eml", b"x")
        with pytest.raises(ConfigurationError, match="control character"):
            load(mail_store, tmp_path)

    def test_a_message_too_large(self, tmp_path: Path) -> None:
        """The limits hold for files too."""
        store = MailStore(limits=Limits(message_size=3), clock=FixedClock())
        write(tmp_path / "x.eml", b"four")
        with pytest.raises(ConfigurationError, match=r"x\.eml: A message of 4 octets is larger than the 3 allowed"):
            load(store, tmp_path)
