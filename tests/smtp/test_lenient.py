"""What Postfix takes and RFC 5321 does not, by tables that a Postfix 3.7.11 with its defaults has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.clock import SystemEntropy
from labserver.mailstore.addresses import is_mail_domain
from labserver.mailstore.directory import Directory, parse_user
from labserver.smtp.grammar import MAIL, RCPT, Addressed, parse
from labserver.smtp.lenient import Leniently, parse_leniently
from labserver.smtp.replies import Refusal

if TYPE_CHECKING:
    from labserver.smtp.grammar import Form
    from tests.smtp.conftest import Connect, Mailroom

_UNDERSCORE = "an underscore in the domain"
_DOTS = "dots without a word between them in the local part"
_FINAL_DOT = "a dot at the end of the domain"
_NO_DOMAIN = "no domain"
_NO_BRACKETS = "no angle brackets"
_MORE = "more than the address in angle brackets"
_COMMENT = "a comment"
_SPACE = "a space in the address"
_HALF_QUOTED = "a local part that is not quoted as a whole"

# What follows FROM: or TO:, the mailbox, and what is wrong with it. Postfix 3.7 takes them all.
TAKEN = [
    ("<www-data@web_1>", "www-data@web_1", [_UNDERSCORE]),
    ("<app@shop_default.internal>", "app@shop_default.internal", [_UNDERSCORE]),
    ("<a@_dmarc.lab.test>", "a@_dmarc.lab.test", [_UNDERSCORE]),
    ("<a@_>", "a@_", [_UNDERSCORE]),
    ("<a@c._>", "a@c._", [_UNDERSCORE]),
    ("<taro..y@mobile.example>", "taro..y@mobile.example", [_DOTS]),
    ("<.a@c>", ".a@c", [_DOTS]),
    ("<a.@c>", "a.@c", [_DOTS]),
    ("<..@c>", "..@c", [_DOTS]),
    ("<a@c.>", "a@c", [_FINAL_DOT]),
    ("<a.@b_c.>", "a.@b_c", [_FINAL_DOT, _UNDERSCORE, _DOTS]),
    ("<a@[127.0.0.1].>", "a@[127.0.0.1]", [_FINAL_DOT]),
    ("<root>", "root", [_NO_DOMAIN]),
    ("<host!user>", "host!user", [_NO_DOMAIN]),
    ('<"a b">', '"a b"', [_NO_DOMAIN]),
    ("<@relay.test:root>", "root", [_NO_DOMAIN]),
    ("root", "root", [_NO_BRACKETS, _NO_DOMAIN]),
    ("a@b", "a@b", [_NO_BRACKETS]),
    (" a@b", "a@b", [_NO_BRACKETS]),
    ("a@b>", "a@b", [_NO_BRACKETS]),
    ('"a b"@c', '"a b"@c', [_NO_BRACKETS]),
    ("a@[127.0.0.1]", "a@[127.0.0.1]", [_NO_BRACKETS]),
    ("a..b@c_d.", "a..b@c_d", [_NO_BRACKETS, _FINAL_DOT, _UNDERSCORE, _DOTS]),
    ("< a@b>", "a@b", [_MORE]),
    ("<a@b >", "a@b", [_MORE]),
    ("<<a@b>>", "a@b", [_MORE]),
    ("<a@b>>", "a@b", [_MORE]),
    ("<Alice <a@b>>", "a@b", [_MORE]),
    ("<a(home)@c>", "a@c", [_COMMENT]),
    ("<(Alice) a@c>", "a@c", [_COMMENT]),
    ("a@c(home)", "a@c", [_NO_BRACKETS, _COMMENT]),
    ("<a @b>", "a@b", [_SPACE]),
    ("<a . b@c>", "a.b@c", [_SPACE]),
    ('<"a@ b"@c.>', '"a@ b"@c', [_FINAL_DOT]),
    ("<a@b,>", "a@b", ["a comma beside the address"]),
    ("<@x,y:a@b>", "a@b", ["a route that is none"]),
    ('<a."b"@c>', "a.b@c", [_HALF_QUOTED]),
    (r"<a\@b@c>", '"a@b"@c', [_HALF_QUOTED]),
    (r"<a\ b@c>", '"a b"@c', [_HALF_QUOTED]),
    ("<a@b@c>", '"a@b"@c', [_HALF_QUOTED]),
    ("<a:b@c>", '"a:b"@c', [_HALF_QUOTED]),
    ("<a]b@c>", '"a]b"@c', [_HALF_QUOTED]),
    ("<用户..名@例_子.测试>", "用户..名@例_子.测试", [_UNDERSCORE, _DOTS]),
]

# Refused by Postfix, too.
REFUSED = [
    "",
    "<a@c..>",
    "<a@c..d>",
    "<a@.c>",
    "<a@.>",
    "<a@-c>",
    "<a@c->",
    "<a@-_c>",
    "<a@b.c-.d>",
    "<root>x",
    "<a b>",
    "<a@b",
    "<<a@b>",
    "<a@>",
    "<@>",
    "<a b@c>",
    '<"a" b@c>',
    '<"a@b>',
    '<"a"b@c>',
    '<a"b"@c>',
    '<""a@b>',
    '<"a\\"@c>',
    "<a,b@c>",
    "<a;b@c>",
    "<a[b@c>",
    "<a@[127.0.0.256]>",
    "<a@[::1]>",
    "<a@[tag:x]>",
    "<a@[127.0.0.1]b>",
    "<@x a@b>",
    "<a@b>x",
    "<a@b>SIZE=1",
    "Alice <a@b>",
    "<a@b> <c@d>",
    "<a@b>,<c@d>",
    "<a@b,c@d>",
    "<a@c/d>",
    "<a@c+d>",
    "<a@c d>",
    "<a@c*>",
    "<a@c:25>",
    "<a@c'd>",
    "<a>b@c>",
    ">a@b<",
    "[a@b]",
    "<[a@b]>",
    "'a@b'",
    f"<a@{'c' * 64}.d>",
    f"<a@{'.'.join(['c' * 63] * 5)}>",
]

# Where Postfix answers otherwise: whether this takes it, and why.
EXPLAINED = [
    ("<@b>", False, "Postfix takes a mailbox without a local part; there is none to deliver to"),
    ("<a@b@>", False, "Postfix drops a final @; what is meant cannot be told"),
    ("<a(b@c>", False, "Postfix takes an open comment to the end, and delivers to a"),
    ("<a@[127.0.0.1>", False, "Postfix closes the literal"),
    ("<a@b;>", False, "Postfix reads a group of RFC 5322 with one member"),
    ("<g:a@b;>", False, "Postfix reads a group of RFC 5322 with one member"),
    ('<a@"b">', False, "Postfix takes the quotes off the domain"),
    ("<a@127.0.0.1>", True, "RFC 5321 allows a domain of digits"),
    ("<a@1.2.3>", True, "RFC 5321 allows a domain of digits"),
    ("<-a@b>", True, "RFC 5321 allows a hyphen first; Postfix fears for programs that take it for an option"),
    ("-a@b", True, "as above"),
]

FORMS = [pytest.param(MAIL, id="MAIL"), pytest.param(RCPT, id="RCPT")]


def _taken(form: Form, argument: str) -> bool:
    return isinstance(parse(form, argument), Addressed) or isinstance(parse_leniently(form, argument), Leniently)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("path", "address", "departures"), TAKEN)
def test_what_postfix_takes_is_taken(form: Form, path: str, address: str, departures: list[str]) -> None:
    """The address is understood, and everything that is wrong with it is named."""
    assert isinstance(parse(form, form.keyword + path), Refusal)
    assert parse_leniently(form, f"{form.keyword}{path}") == Leniently(
        addressed=Addressed(address=address, parameters={}), departures=tuple(departures)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", REFUSED)
def test_what_postfix_refuses_is_refused(form: Form, path: str) -> None:
    """What names no mailbox is a syntax error still."""
    assert not _taken(form, form.keyword + path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("path", "taken", "reason"), EXPLAINED)
def test_difference_from_postfix(form: Form, path: str, reason: str, *, taken: bool) -> None:
    """Where this is not Postfix, there is a reason."""
    assert _taken(form, form.keyword + path) is taken
    assert reason


@pytest.mark.parametrize("path", ["<>", "< >", "<<>>"])
def test_null_sender_is_one_for_mail_only(path: str) -> None:
    """Nobody can be a sender, but no recipient."""
    assert _taken(MAIL, f"FROM:{path}")
    assert not _taken(RCPT, f"TO:{path}")


@pytest.mark.parametrize(
    ("argument", "parameters"),
    [
        ("FROM:a@b SIZE=10 BODY=8BITMIME", {"SIZE": "10", "BODY": "8BITMIME"}),
        ("FROM:<a@b> SIZE=1 SIZE=2", {"SIZE": "2"}),
        (" FROM:<a@b>  SMTPUTF8", {"SMTPUTF8": ""}),
    ],
)
def test_parameters_are_read(argument: str, parameters: dict[str, str]) -> None:
    """Parameters follow a lenient address as any other; of one that comes twice the last counts."""
    read = parse_leniently(MAIL, argument)
    assert isinstance(read, Leniently)
    assert read.addressed == Addressed(address="a@b", parameters=parameters)


@pytest.mark.parametrize("parameter", ["FOO=1", "SIZE=x", "RET=FULL RET=HDRS", "ENVID=a ENVID=a", "<c@d>"])
def test_bad_parameters_stay_bad(parameter: str) -> None:
    """Leniency is about addresses: a parameter that means nothing is refused as ever."""
    assert isinstance(parse_leniently(MAIL, f"FROM:a@b {parameter}"), Refusal)


@given(st.sampled_from([MAIL, RCPT]), st.text('ab1\\"@ .,:;_-<>[]()\u00e4', max_size=14))
def test_whatever_is_taken_can_be_told_and_read_back(form: Form, text: str) -> None:
    """No leniency without a reason, and the address is one that this grammar reads as the same mailbox."""
    argument = f"{form.keyword}{text}"
    read = parse_leniently(form, argument)
    if isinstance(parse(form, argument), Refusal) and isinstance(read, Leniently):
        assert read.departures
        again = f"{form.keyword}<{read.addressed.address}>"
        strict = parse(form, again)
        if isinstance(strict, Refusal):
            lenient = parse_leniently(form, again)
            assert isinstance(lenient, Leniently)
            strict = lenient.addressed
        assert strict.address.casefold() == read.addressed.address.casefold()


@given(st.text("abA.-_!#$%&'*+/=?^`{|}~,;()[]éß用1", min_size=1, max_size=12), st.text("ab.-_1é", max_size=12))
def test_whoever_can_be_a_user_can_be_mailed_to(name: str, domain: str) -> None:
    """The address that the lab tells of a user leads to that user, when it is spelled in RCPT as it is told."""
    if domain and not is_mail_domain(domain):
        return
    user = parse_user(f"{name}@{domain}:pw" if domain else f"{name}:pw")
    directory = Directory((user,), entropy=SystemEntropy(), catch_all=None)
    ((account, told),) = directory.users.items()
    argument = f"TO:<{told.address}>"
    read = parse(RCPT, argument)
    if isinstance(read, Refusal):
        lenient = parse_leniently(RCPT, argument)
        assert isinstance(lenient, Leniently)
        read = lenient.addressed
    assert directory.recipient(read.address) == account


_BEYOND_ASCII = "characters beyond ASCII without SMTPUTF8"
SESSION = [
    (["EHLO web_1", "MAIL FROM:<www-data@web_1>"], "250 2.1.0", ["MAIL with an underscore in the domain"]),
    (["EHLO x", "MAIL FROM:root"], "250 2.1.0", ["MAIL with no angle brackets", "MAIL with no domain"]),
    (["HELO x", "MAIL FROM:<a@b> SIZE=7"], "250 2.1.0", ["MAIL with parameters without EHLO"]),
    (["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<root>"], "250 2.1.5", ["RCPT with no domain"]),
    (["EHLO x", "MAIL FROM:<ä@b>"], "250 2.1.0", [f"MAIL with {_BEYOND_ASCII}"]),
    (
        ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<ä@b>"],
        "250 2.1.5",
        [f"RCPT with {_BEYOND_ASCII}"],
    ),
    (["EHLO x", "MAIL FROM:<a@ä>"], "553 5.6.7", []),
    (["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d> ORCPT=utf-8;ä@d"], "553 5.6.7", []),
    (["EHLO x", "MAIL FROM:<a@c..d>"], "501 5.1.7", []),
    (["EHLO x", "MAIL FROM:a@b SIZE=99999999999"], "552 5.3.4", ["MAIL with no angle brackets"]),
    (["EHLO x", "MAIL FROM:<a@b>"], "250 2.1.0", []),
]


@pytest.mark.parametrize(("lines", "reply", "tolerated"), SESSION)
def test_leniency_is_told(connect: Connect, lines: list[str], reply: str, tolerated: list[str]) -> None:
    """Where the client needed leniency, the membrane hears for what."""
    client = connect()
    assert client.codes(*lines)[-1] == reply
    assert client.link.tolerance == tolerated


@pytest.mark.parametrize("lines", [lines for lines, _, tolerated in SESSION if tolerated])
def test_strict_syntax_refuses_it(connect: Connect, lines: list[str]) -> None:
    """With --strict-smtp-syntax RFC 5321 decides alone."""
    client = connect(strict_syntax=True)
    assert client.codes(*lines)[-1][:3] in {"501", "553", "555"}
    assert client.link.tolerance == []


def test_mail_from_a_container_is_delivered(connect: Connect, mailroom: Mailroom) -> None:
    """The names docker compose makes get through LMTP and SMTP alike."""
    for service, hello in (("smtp", "HELO web_1"), ("lmtp", "LHLO web_1")):
        client = connect(service)
        client.ask(hello, "MAIL FROM:<www-data@web_1>", "RCPT TO:<app@shop_default.internal.>", "DATA", "hi", ".")
    assert [(envelope.sender, envelope.recipients[0].address) for envelope, _ in mailroom.delivered] == [
        ("www-data@web_1", "app@shop_default.internal")
    ] * 2
