"""Claims about the commands on mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, STATUS, LIST, LSUB, SELECT and its end."""

from __future__ import annotations

import pytest

from labserver.imap.listing import Pattern
from labserver.limits import Limits
from tests.imap.driver import Lab, message
from tests.work import Counted


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("a/%/c", "a/b/c", True),
        ("%b", "aab", True),
        ("%*", "a/b", True),
        ("*c", "a/b/c", True),
        ("a*b%c", "axxb/xbyc", True),
        ("a%b", "ab", True),
        ("a%b", "a/b", False),
        ("", "", True),
        ("", "a", False),
        ("inbox", "INBOX", True),
        ("inb%", "INBOX", True),
        ("inbox/%", "INBOX/a", True),
        ("INBOX/A", "INBOX/a", False),
        ("inbox*", "INBOX/a", True),
        ("inb*", "INBOX/a/b", True),
        ("iNb%/a", "INBOX/a", True),
        ("*box/a", "INBOX/a", True),
        ("inbox*", "INBOXES", False),
        ("inbox/A*", "INBOX/a", False),
        ("inbox*", "a/INBOX", False),
        ("sent", "Sent", False),
        (".", "a", False),
        ("ü*", "über", True),
    ],
)
def test_patterns(pattern: str, name: str, *, matches: bool) -> None:
    """``*`` is anything, ``%`` stops at the separator, INBOX has no case, everything else is what it is."""
    assert Pattern(pattern, "/").matches(name) is matches


def test_no_pattern_is_slow() -> None:
    """Thousands of wildcards cost no more than as many letters; with backtracking this test would not end."""
    assert not Pattern("*a" * 5_000 + "b", "/").matches("a" * 1_000)
    assert Pattern("*a%" * 300, "/").matches("a" * 1_000)


@pytest.fixture
def tree(lab: Lab) -> Lab:
    """Return a lab whose account has a small tree, some of it subscribed."""
    for name in ("work/one", "work/two/deep", "play", "Entwürfe", "odd % & name"):
        lab.alice.create(name)
    for name in ("work/one", "gone/away"):
        lab.alice.subscribe(name)
    for name in ("Drafts", "Sent", "Trash", "Junk"):
        lab.alice.delete(name)
        lab.alice.unsubscribe(name)
    return lab


def test_list(tree: Lab) -> None:
    r"""LIST tells all names, INBOX first; levels that only hold others are \Noselect."""
    assert tree.client().ok('LIST "" *') == [
        b'* LIST (\\HasNoChildren) "/" INBOX',
        b'* LIST (\\HasNoChildren \\Archive) "/" Archive',
        b'* LIST (\\HasNoChildren) "/" Entw&APw-rfe',
        b'* LIST (\\HasNoChildren) "/" "odd % &- name"',
        b'* LIST (\\HasNoChildren) "/" play',
        b'* LIST (\\Noselect \\HasChildren) "/" work',
        b'* LIST (\\HasNoChildren) "/" work/one',
        b'* LIST (\\Noselect \\HasChildren) "/" work/two',
        b'* LIST (\\HasNoChildren) "/" work/two/deep',
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('"" work/%', [b"work/one", b"work/two"]),
        ("work/ %", [b"work/one", b"work/two"]),
        ('"work/" "%/deep"', [b"work/two/deep"]),
        ('"" Entw&APw-*', [b"Entw&APw-rfe"]),
        ('"" "Entw&A*"', []),
        ('"" inbox', [b"INBOX"]),
        ('"" {4+}\r\npla%', [b"play"]),
        ('"" nothing', []),
    ],
)
def test_list_patterns(tree: Lab, arguments: str, names: list[bytes]) -> None:
    """The reference goes before the pattern; patterns are modified UTF-7 and may be literals."""
    assert [line.rsplit(b" ", 1)[1] for line in tree.client().ok(f"LIST {arguments}")] == names


def test_the_separator(tree: Lab) -> None:
    """An empty pattern asks for the separator and the root (RFC 3501 6.3.8)."""
    client = tree.client()
    assert client.ok('LIST "" ""') == client.ok('LIST work ""') == [b'* LIST (\\Noselect) "/" ""']
    assert client.ok('LSUB "" ""') == [b'* LSUB (\\Noselect) "/" ""']


def test_lsub(tree: Lab) -> None:
    r"""LSUB tells subscriptions, existing or not; % gives the parents it cannot look into, as \Noselect (6.3.9)."""
    client = tree.client()
    assert client.ok('LSUB "" *') == [
        b'* LSUB () "/" INBOX',
        b'* LSUB () "/" Archive',
        b'* LSUB () "/" gone/away',
        b'* LSUB () "/" work/one',
    ]
    assert client.ok('LSUB "" %')[2:] == [b'* LSUB (\\Noselect) "/" gone', b'* LSUB (\\Noselect) "/" work']
    assert client.ok("LSUB work/ %") == [b'* LSUB () "/" work/one']


def test_extended_list(tree: Lab) -> None:
    """LIST-EXTENDED selects subscribed names, tells subscriptions, takes several patterns (RFC 5258)."""
    client = tree.client()
    assert client.ok('LIST (SUBSCRIBED) "" *') == [
        b'* LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
        b'* LIST (\\HasNoChildren \\Subscribed \\Archive) "/" Archive',
        b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" gone/away',
        b'* LIST (\\HasNoChildren \\Subscribed) "/" work/one',
    ]
    assert client.ok('LIST "" (play work/% gone/*) RETURN (SUBSCRIBED CHILDREN)') == [
        b'* LIST (\\HasNoChildren) "/" play',
        b'* LIST (\\HasNoChildren \\Subscribed) "/" work/one',
        b'* LIST (\\Noselect \\HasChildren) "/" work/two',
    ]
    assert client.ok('LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) "" %')[2:] == [
        b'* LIST (\\NonExistent \\HasNoChildren) "/" gone ("CHILDINFO" ("SUBSCRIBED"))',
        b'* LIST (\\Noselect \\HasChildren) "/" work ("CHILDINFO" ("SUBSCRIBED"))',
    ]
    assert client.ok('LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE)') == [
        b'* LIST (\\HasNoChildren \\Archive) "/" Archive'
    ]
    assert client.ok('LIST (SUBSCRIBED SPECIAL-USE) "" (* %)') == [
        b'* LIST (\\HasNoChildren \\Subscribed \\Archive) "/" Archive'
    ]
    assert client.ok('LIST () "" ""') == []


@pytest.mark.parametrize(
    "arguments",
    [
        '(RECURSIVEMATCH) "" *',
        '(RECURSIVEMATCH REMOTE) "" *',
        '(XYZZY) "" *',
        '"" ()',
        '"" * RETURN (XYZZY)',
        '"" * RETURN',
        '"" * RETURN (STATUS)',
        '"" * RETURN (STATUS ())',
        '"" * RETURN (STATUS (XYZZY))',
        '""',
        "",
    ],
)
def test_extended_list_faults(lab: Lab, arguments: str) -> None:
    """Unknown options, empty lists and RECURSIVEMATCH alone are BAD."""
    assert lab.client().do(f"LIST {arguments}".rstrip())[-1].startswith(b"BAD ")


def test_list_with_status(tree: Lab) -> None:
    """LIST-STATUS tells STATUS after each mailbox that has one (RFC 5819)."""
    tree.deliver(message("one"))
    assert tree.client().ok('LIST "" (INBOX work) RETURN (STATUS (MESSAGES UNSEEN))') == [
        b'* LIST (\\HasNoChildren) "/" INBOX',
        b"* STATUS INBOX (MESSAGES 1 UNSEEN 1)",
        b'* LIST (\\Noselect \\HasChildren) "/" work',
    ]


@pytest.mark.parametrize(
    ("without", "command", "answer"),
    [
        ("CHILDREN", 'LIST "" Archive', [b'* LIST (\\Archive) "/" Archive', b"OK LIST completed"]),
        ("SPECIAL-USE", 'LIST "" Archive', [b'* LIST (\\HasNoChildren) "/" Archive', b"OK LIST completed"]),
        ("SPECIAL-USE", 'LIST (SPECIAL-USE) "" *', [b"BAD Unknown selection option"]),
        ("SPECIAL-USE", 'LIST "" * RETURN (SPECIAL-USE)', [b"BAD Unknown return option"]),
        ("LIST-STATUS", 'LIST "" * RETURN (STATUS (MESSAGES))', [b"BAD Unknown return option"]),
        ("LIST-EXTENDED", 'LIST "" Archive RETURN (CHILDREN)', [b"BAD Unexpected extra arguments"]),
        ("LIST-EXTENDED", 'LIST "" ("Archive")', [b"BAD Expected an atom"]),
        ("CREATE-SPECIAL-USE", "CREATE x (USE (\\Sent))", [b"BAD Unexpected extra arguments"]),
        ("STATUS=SIZE", "STATUS Archive (SIZE)", [b"BAD Unknown status item SIZE"]),
        ("CONDSTORE", "STATUS Archive (HIGHESTMODSEQ)", [b"BAD Unknown status item HIGHESTMODSEQ"]),
        ("CONDSTORE", "SELECT Archive (CONDSTORE)", [b"BAD Unknown parameter"]),
    ],
)
def test_without_an_extension(tree: Lab, without: str, command: str, answer: list[bytes]) -> None:
    """What an extension adds to a core command is gone with it."""
    assert tree.client(without={without}).do(command) == answer


def test_basic_list(tree: Lab) -> None:
    """Without LIST-EXTENDED there is LIST as RFC 3501 has it."""
    client = tree.client(without={"LIST-EXTENDED"})
    assert client.ok('LIST "work/" %') == tree.client().ok('LIST "work/" %')
    assert client.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']


def test_creating_and_deleting(lab: Lab) -> None:
    """CREATE makes what is missing above, DELETE leaves a container while there is something below (RFC 3501 6.3.4)."""
    client = lab.client()
    client.ok("CREATE a/b/c")
    assert client.do("CREATE a/b/c")[-1].startswith(b"NO [ALREADYEXISTS]")
    assert client.do("CREATE inbox")[-1].startswith(b"NO [ALREADYEXISTS]")
    client.ok("CREATE folder/")
    assert client.ok('LIST "" folder') == [b'* LIST (\\Noselect \\HasNoChildren) "/" folder']
    assert client.do("SELECT folder")[-1].startswith(b"NO [NONEXISTENT]")
    client.ok("CREATE a")
    client.ok("DELETE a")
    assert client.ok('LIST "" a%') == [b'* LIST (\\Noselect \\HasChildren) "/" a']
    assert client.do("DELETE a")[-1].startswith(b"NO [HASCHILDREN]")
    client.ok("DELETE a/b/c")
    assert client.do("DELETE a/b/c")[-1].startswith(b"NO [NONEXISTENT]")
    assert client.do("DELETE inbox")[-1].startswith(b"NO [CANNOT]")
    for name in ('""', "a//b", '"a\tb"', "&bad", "/"):
        assert client.do(f"CREATE {name}")[-1].startswith(b"NO [CANNOT]"), name


def test_the_number_of_mailboxes_is_limited() -> None:
    """CREATE beyond the limit is NO [LIMIT]."""
    client = Lab(limits=Limits(mailboxes=7)).client()
    client.ok("CREATE seventh")
    assert client.do("CREATE eighth")[-1].startswith(b"NO [LIMIT]")


def test_creating_with_a_special_use(lab: Lab) -> None:
    r"""CREATE-SPECIAL-USE gives \Sent and the like; what cannot be given is NO [USEATTR] (RFC 6154 3)."""
    client = lab.client()
    client.ok("CREATE mine (USE (\\sent))")
    assert client.ok('LIST "" mine') == [b'* LIST (\\HasNoChildren \\Sent) "/" mine']
    client.ok("CREATE plain (USE ())")
    for use in ("\\All", "\\Nonsense", "\\Sent \\Trash"):
        assert client.do(f"CREATE other (USE ({use}))")[-1].startswith(b"NO [USEATTR]")
    assert client.ok('LIST "" other') == []
    for arguments in ("(USE)", "(USE (Sent))", "()", "(XYZZY (\\Sent))"):
        assert client.do(f"CREATE other {arguments}")[-1].startswith(b"BAD ")


def test_renaming(filled: Lab) -> None:
    """RENAME takes what is below along; of INBOX the messages move and INBOX stays (RFC 3501 6.3.5)."""
    client = filled.selected()
    client.ok("CREATE a/b")
    client.ok("RENAME a x/y")
    assert [line.rsplit(b" ", 1)[1] for line in client.ok('LIST "" x*')] == [b"x", b"x/y", b"x/y/b"]
    assert client.do("RENAME a b")[-1].startswith(b"NO [NONEXISTENT]")
    assert client.do("RENAME x/y Sent")[-1].startswith(b"NO [ALREADYEXISTS]")
    assert client.ok("RENAME inbox old") == [
        *(b"* %d EXPUNGE" % n for n in (5, 4, 3, 2, 1)),
        b"* 0 RECENT",
    ]
    assert client.ok("STATUS old (MESSAGES)") == [b"* STATUS old (MESSAGES 5)"]
    assert client.ok("STATUS inbox (MESSAGES)") == [b"* STATUS inbox (MESSAGES 0)"]
    assert client.do("RENAME a")[-1].startswith(b"BAD ")


def test_subscribing(lab: Lab) -> None:
    """SUBSCRIBE takes names that do not exist; UNSUBSCRIBE forgets them; both can be repeated."""
    client = lab.client()
    for _ in range(2):
        client.ok("SUBSCRIBE not/there")
    assert client.ok('LSUB "" not*') == [b'* LSUB () "/" not/there']
    for _ in range(2):
        client.ok("UNSUBSCRIBE not/there")
    assert client.ok('LSUB "" not*') == []


def test_status(filled: Lab) -> None:
    """STATUS tells each number asked for once, in the order of the question (RFC 3501 6.3.10)."""
    client = filled.client()
    size = sum(item.size for item in filled.alice.mailboxes["INBOX"].messages)
    validity = filled.alice.mailboxes["INBOX"].uid_validity
    assert client.ok("STATUS inbox (UIDNEXT MESSAGES RECENT UNSEEN UIDVALIDITY SIZE MESSAGES)") == [
        b"* STATUS inbox (UIDNEXT 6 MESSAGES 5 RECENT 5 UNSEEN 5 UIDVALIDITY %d SIZE %d)" % (validity, size)
    ]
    client.ok("SELECT INBOX")
    client.ok("STORE 1:2 +FLAGS.SILENT (\\Seen)")
    assert client.ok('STATUS "INBOX" (RECENT UNSEEN)') == [b"* STATUS INBOX (RECENT 5 UNSEEN 3)"]
    assert filled.client().ok("STATUS INBOX (RECENT)") == [b"* STATUS INBOX (RECENT 0)"]
    for arguments, verdict in (
        ("INBOX ()", b"BAD "),
        ("INBOX", b"BAD "),
        ("INBOX (XYZZY)", b"BAD "),
        ("INBOX MESSAGES", b"BAD "),
        ("nothing (MESSAGES)", b"NO [NONEXISTENT]"),
    ):
        assert client.do(f"STATUS {arguments}")[-1].startswith(verdict)


def test_selecting(filled: Lab) -> None:
    """SELECT tells everything a client needs to begin (RFC 3501 6.3.1, RFC 7162 3.1.2)."""
    client = filled.client()
    client.ok("SELECT INBOX")
    client.ok("STORE 1 +FLAGS.SILENT (\\Seen $Important)")
    filled.deliver(message("six"))
    other = filled.client()
    validity = filled.alice.mailboxes["INBOX"].uid_validity
    assert other.do("SELECT inbox") == [
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Important)",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Important \\*)] What can be kept",
        b"* 6 EXISTS",
        b"* 1 RECENT",
        b"* OK [UNSEEN 2] First unseen",
        b"* OK [UIDVALIDITY %d] UIDs are valid" % validity,
        b"* OK [UIDNEXT 7] Predicted next UID",
        b"* OK [HIGHESTMODSEQ 4] Highest",
        b"OK [READ-WRITE] SELECT completed",
    ]
    assert other.ok("SELECT Sent")[1:5] == [
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] What can be kept",
        b"* 0 EXISTS",
        b"* 0 RECENT",
    ]
    assert not any(b"UNSEEN" in line for line in other.ok("SELECT Sent"))


def test_examining(filled: Lab) -> None:
    """EXAMINE changes nothing: no flag, no recency, no removal (RFC 3501 6.3.2)."""
    client = filled.client()
    *lines, verdict = client.do("EXAMINE INBOX")
    assert verdict == b"OK [READ-ONLY] EXAMINE completed"
    assert b"* OK [PERMANENTFLAGS ()] What can be kept" in lines
    assert b"* 5 RECENT" in lines
    assert client.ok("FETCH 1 (FLAGS BODY[TEXT])")[0].startswith(b"* 1 FETCH (FLAGS (\\Recent) BODY[TEXT] {8}")
    filled.alice.mailboxes["INBOX"].change_flags(
        [(filled.alice.mailboxes["INBOX"].messages[0], frozenset({"\\Deleted"}))]
    )
    for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "UID EXPUNGE 1:*", "MOVE 1 Sent"):
        assert client.do(command)[-1].startswith(b"NO "), command
    client.ok("COPY 1 Sent")
    client.ok("CLOSE")
    assert client.ok("STATUS INBOX (MESSAGES RECENT UNSEEN)") == [b"* STATUS INBOX (MESSAGES 5 RECENT 5 UNSEEN 5)"]


def test_selecting_another(filled: Lab) -> None:
    """A SELECT leaves the mailbox before, with [CLOSED], even when it fails: then none is selected (6.3.1)."""
    client = filled.selected()
    assert client.do("SELECT nothing") == [
        b"* OK [CLOSED] The mailbox selected before is closed",
        b"NO [NONEXISTENT] There is no such mailbox",
    ]
    assert client.do("FETCH 1 FLAGS") == [b"BAD Not possible when authenticated"]
    assert client.ok("SELECT INBOX")[0].startswith(b"* FLAGS")
    assert client.do("SELECT")[-1].startswith(b"BAD ")
    client.ok("CHECK")
    assert filled.selected(without={"CONDSTORE"}).ok("SELECT Sent")[0].startswith(b"* FLAGS")


@pytest.mark.parametrize(("command", "left"), [("CLOSE", 4), ("UNSELECT", 5)])
def test_leaving(filled: Lab, command: str, left: int) -> None:
    r"""CLOSE removes \Deleted messages without telling, UNSELECT (RFC 3691) does not remove them."""
    client = filled.selected()
    client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert client.do(command) == [f"OK {command} completed".encode()]
    assert len(filled.alice.mailboxes["INBOX"].messages) == left
    assert client.do("FETCH 1 FLAGS")[-1].startswith(b"BAD ")


def test_expunging(filled: Lab) -> None:
    r"""EXPUNGE removes what is \Deleted; UID EXPUNGE only what is in its set too (RFC 4315 2.1)."""
    client = filled.selected()
    client.ok("STORE 1,3,5 +FLAGS.SILENT (\\Deleted)")
    assert client.ok("UID EXPUNGE 2:3,9") == [b"* 3 EXPUNGE", b"* 4 RECENT"]
    assert client.ok("EXPUNGE") == [b"* 4 EXPUNGE", b"* 1 EXPUNGE", b"* 2 RECENT"]
    assert client.ok("EXPUNGE") == []
    assert client.ok("UID SEARCH ALL") == [b"* SEARCH 2 4"]
    assert client.do("UID EXPUNGE")[-1].startswith(b"BAD ")


def test_a_mailbox_deleted_under_a_session(filled: Lab) -> None:
    """Using it is NO, nothing else breaks, and it can be left (RFC 2180 3.3)."""
    filled.alice.create("doomed")
    filled.deliver(message("x"), mailbox="doomed")
    client = filled.selected("doomed")
    filled.deliver(message("y"), mailbox="doomed")
    filled.client().ok("DELETE doomed")
    for command in ("FETCH 1 FLAGS", "STORE 1 FLAGS ()", "SEARCH ALL", "EXPUNGE", "COPY 1 Sent", "UID FETCH 1 BODY[]"):
        assert client.do(command) == [b"NO [NONEXISTENT] The mailbox was deleted"], command
    client.ok("NOOP")
    client.ok("STATUS INBOX (HIGHESTMODSEQ)")
    client.ok("CLOSE")
    client.ok("SELECT INBOX")


def test_a_mailbox_renamed_under_a_session(filled: Lab) -> None:
    """It stays selected, under whatever name."""
    filled.alice.create("before")
    filled.deliver(message("x"), mailbox="before")
    client = filled.selected("before")
    filled.client().ok("RENAME before after")
    assert client.ok("FETCH 1 UID") == [b"* 1 FETCH (UID 1)"]
    filled.deliver(message("y"), mailbox="after")
    assert client.ok("NOOP") == [b"* 2 EXISTS", b"* 2 RECENT"]


def test_recent_is_told_to_one_session(filled: Lab) -> None:
    r"""A message is \Recent in the first read-write session that is told of it, and in no other (RFC 3501 2.3.2)."""
    first, second = filled.selected(), filled.selected()
    assert first.ok("SEARCH RECENT") == [b"* SEARCH 1 2 3 4 5"]
    assert second.ok("SEARCH RECENT") == [b"* SEARCH"]
    filled.deliver(message("six"))
    assert second.ok("NOOP") == [b"* 6 EXISTS", b"* 1 RECENT"]
    assert first.ok("NOOP") == [b"* 6 EXISTS", b"* 5 RECENT"]
    assert second.ok("FETCH 5:6 FLAGS") == [b"* 5 FETCH (FLAGS ())", b"* 6 FETCH (FLAGS (\\Recent))"]


LONG_PATTERN = b"%a" * 1000


@pytest.mark.parametrize("command", [b'LIST "" %b', b'LSUB "" %b', b'LIST (SUBSCRIBED) "" (* %b)', b"LIST %b x"])
def test_the_length_of_a_pattern_is_bounded(lab: Lab, command: bytes) -> None:
    """A pattern of two thousand octets is matched; a longer one is BAD, alone or behind its reference."""
    client = lab.client()
    at_most = LONG_PATTERN if b"x" not in command else LONG_PATTERN[1:]
    quoted = b'"%b"' if b"x" in command else b"%b"
    client.ok(command % (quoted % at_most))
    for pattern in (b"{2001+}\r\n" + b"a" * 2001, b"{60000+}\r\n" + b"%a" * 30_000):
        assert b"2000 octets" in client.do(command % pattern)[-1]
        assert client.do(command % pattern)[-1].startswith(b"BAD ")


def test_the_number_of_patterns_is_bounded(lab: Lab) -> None:
    """LIST takes two hundred patterns."""
    client = lab.client()
    client.ok('LIST "" (%s)' % " ".join("x" * 200))  # noqa: UP031 -- many percent signs, otherwise
    assert client.do('LIST "" (%s)' % " ".join("x" * 201))[-1].startswith(b"BAD ")  # noqa: UP031 -- the same


def test_listing_takes_turns(lab: Lab) -> None:
    """Names, patterns and what is counted in each mailbox are work, and other clients have their turns."""
    client = lab.client()
    for number in range(300):
        client.ok(f"CREATE {'a/' * 20}{number}")
        client.ok(f"SUBSCRIBE {'a/' * 20}{number}")
    for command in (b'LIST "" ' + LONG_PATTERN, b'LSUB "" ' + LONG_PATTERN, b'LIST "" * RETURN (STATUS (UNSEEN))'):
        effort = client.session.effort = Counted(turn=1 << 14)
        client.ok(command)
        assert effort.turns >= 4
        assert effort.largest <= 1 << 14


def test_what_stands_in_for_names_below_is_found_name_by_name() -> None:
    """LSUB looks at each name, and not for each of them at all others."""

    def units(names: int) -> int:
        client = Lab().client()
        for number in range(names):
            client.ok(f"SUBSCRIBE x{number}/y")
        effort = client.session.effort = Counted()
        assert len(client.ok('LSUB "" x%')) == names
        return effort.total

    assert units(400) < 2.2 * units(200)


def test_children_of_inbox_are_found_in_any_case(lab: Lab) -> None:
    """A pattern that begins like INBOX finds what is below it, by LIST and by LSUB."""
    for name in ("INBOX/kid", "inboxes"):
        lab.alice.create(name)
        lab.alice.subscribe(name)
    client = lab.client()
    assert client.ok('LIST "" inbox*') == [
        b'* LIST (\\HasChildren) "/" INBOX',
        b'* LIST (\\HasNoChildren) "/" INBOX/kid',
        b'* LIST (\\HasNoChildren) "/" inboxes',
    ]
    for pattern in ("inbox*", "in*"):
        assert client.ok(f'LSUB "" {pattern}') == [
            b'* LSUB () "/" INBOX',
            b'* LSUB () "/" INBOX/kid',
            b'* LSUB () "/" inboxes',
        ]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", [b"a/b/c", b"p +", b"p/q", b"x/y/z"]),
        ("%", [b"a +", b"p +", b"x +"]),
        ("a", [b"a +"]),
        ("a/%", [b"a/b +"]),
        ("%/%", [b"a/b +", b"p/q", b"x/y +"]),
        ("x*", [b"x/y/z"]),
        ("p*", [b"p +", b"p/q"]),
        ("*/c", [b"a/b/c"]),
        ("(a x/%)", [b"a +", b"x/y +"]),
        ("(a a/b/c)", [b"a/b/c"]),
    ],
)
def test_recursivematch_as_dovecot_has_it(lab: Lab, pattern: str, names: list[bytes]) -> None:
    """A name above is told for those below only where no pattern finds these themselves (RFC 5258 3.1)."""
    for name in ("a/b/c", "x/y/z", "p", "p/q"):
        lab.alice.create(name)
    for name in tuple(lab.alice.subscriptions):
        lab.alice.unsubscribe(name)
    for name in ("a/b/c", "x/y/z", "p", "p/q"):
        lab.alice.subscribe(name)
    told = lab.client().ok(f'LIST (SUBSCRIBED RECURSIVEMATCH) "" {pattern}')
    assert [line.partition(b' "/" ')[2].replace(b' ("CHILDINFO" ("SUBSCRIBED"))', b" +") for line in told] == names
