"""MAIL's and RCPT's grammar, by tables: RFC 5321 4.1.2, RFC 6531, RFC 1870, RFC 3461, RFC 4954."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.smtp.grammar import MAIL, RCPT, Addressed, parse
from labserver.smtp.replies import Refusal

if TYPE_CHECKING:
    from labserver.smtp.grammar import Form

ACCEPTED = [
    (MAIL, "FROM:<a@b>", "a@b"),
    (MAIL, "from:<a@b>", "a@b"),
    (MAIL, "FROM: <a@b>", "a@b"),
    (MAIL, "FROM:<>", ""),
    (MAIL, "FROM: <>", ""),
    (MAIL, "FROM:<a@b> ", "a@b"),
    (MAIL, "FROM:<Alice@Lab.Test>", "Alice@Lab.Test"),
    (MAIL, "FROM:<a.b.c+d@x-1.y>", "a.b.c+d@x-1.y"),
    (MAIL, "FROM:<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~@b"),
    (MAIL, 'FROM:<"a b"@c>', '"a b"@c'),
    (MAIL, 'FROM:<"a@b"@c>', '"a@b"@c'),
    (MAIL, 'FROM:<"a>b"@c>', '"a>b"@c'),
    (MAIL, 'FROM:<"alice"@lab.test>', "alice@lab.test"),
    (MAIL, r'FROM:<"al\ice"@lab.test>', "alice@lab.test"),
    (MAIL, r'FROM:<"a\"\\b"@c>', r'"a\"\\b"@c'),
    (MAIL, 'FROM:<""@c>', '""@c'),
    (MAIL, "FROM:<@one,@two.test:a@b>", "a@b"),
    (MAIL, "FROM:<a@[127.0.0.1]>", "a@[127.0.0.1]"),
    (MAIL, "FROM:<a@[IPv6:::1]>", "a@[IPv6:::1]"),
    (MAIL, "FROM:<a@[ipv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]"),
    (MAIL, "FROM:<用户@例子.测试>", "用户@例子.测试"),
    (MAIL, f"FROM:<{'a' * 300}@b>", f"{'a' * 300}@b"),
    (RCPT, "TO:<a@b>", "a@b"),
    (RCPT, "to: <@x:a@b>", "a@b"),
    (RCPT, "TO:<Postmaster>", "postmaster"),
    (RCPT, "TO:<postmaster@b>", "postmaster@b"),
]

REFUSED = [
    (MAIL, "", "5.5.4"),
    (MAIL, "FROM", "5.5.4"),
    (MAIL, "TO:<a@b>", "5.5.4"),
    (MAIL, "FROM :<a@b>", "5.5.4"),
    (MAIL, "<a@b>", "5.5.4"),
    (MAIL, "FROM:", "5.1.7"),
    (MAIL, "FROM:a@b", "5.1.7"),
    (MAIL, "FROM:<a@b", "5.1.7"),
    (MAIL, "FROM:a@b>", "5.1.7"),
    (MAIL, "FROM:<a>", "5.1.7"),
    (MAIL, "FROM:<postmaster>", "5.1.7"),
    (MAIL, "FROM:<a@>", "5.1.7"),
    (MAIL, "FROM:<@b>", "5.1.7"),
    (MAIL, "FROM:<a@b@c>", "5.1.7"),
    (MAIL, "FROM:<a b@c>", "5.1.7"),
    (MAIL, "FROM:< a@b>", "5.1.7"),
    (MAIL, "FROM:<a@b >", "5.1.7"),
    (MAIL, "FROM:<a..b@c>", "5.1.7"),
    (MAIL, "FROM:<.a@c>", "5.1.7"),
    (MAIL, "FROM:<a.@c>", "5.1.7"),
    (MAIL, "FROM:<a@-c>", "5.1.7"),
    (MAIL, "FROM:<a@c->", "5.1.7"),
    (MAIL, "FROM:<a@c.>", "5.1.7"),
    (MAIL, "FROM:<a@c..d>", "5.1.7"),
    (MAIL, "FROM:<a@c_d>", "5.1.7"),
    (MAIL, f"FROM:<a@{'c' * 64}.d>", "5.1.7"),
    (MAIL, f"FROM:<a@{'.'.join(['c' * 63] * 5)}>", "5.1.7"),
    (MAIL, 'FROM:<"a@b>', "5.1.7"),
    (MAIL, 'FROM:<"a"b@c>', "5.1.7"),
    (MAIL, 'FROM:<"a\\"@c>', "5.1.7"),
    (MAIL, "FROM:<a@[127.0.0.256]>", "5.1.7"),
    (MAIL, "FROM:<a@[127.0.0.1>", "5.1.7"),
    (MAIL, "FROM:<a@[::1]>", "5.1.7"),
    (MAIL, "FROM:<a@[IPv6:::1%lo]>", "5.1.7"),
    (MAIL, "FROM:<a@[IPv6:127.0.0.1]>", "5.1.7"),
    (MAIL, "FROM:<a@[tag:x]>", "5.1.7"),
    (MAIL, "FROM:<@x a@b>", "5.1.7"),
    (MAIL, "FROM:<@x,y:a@b>", "5.1.7"),
    (MAIL, "FROM:<a@b\u0085>", "5.1.7"),
    (MAIL, "FROM:<a@b>SIZE=1", "5.5.4"),
    (MAIL, "FROM:<a@b>x", "5.5.4"),
    (RCPT, "TO:<>", "5.1.3"),
    (RCPT, "TO:<a>", "5.1.3"),
    (RCPT, "TO:<po\u017ftmaster>", "5.1.3"),
    (RCPT, "TO:a@b", "5.1.3"),
    (RCPT, "FROM:<a@b>", "5.5.4"),
]

PARAMETERS_ACCEPTED = [
    (MAIL, "SIZE=0"),
    (MAIL, "SIZE=12345678901234567890"),
    (MAIL, "BODY=7BIT"),
    (MAIL, "BODY=8BITMIME"),
    (MAIL, "BODY=BINARYMIME"),
    (MAIL, "BODY=8bitMime"),
    (MAIL, "SMTPUTF8"),
    (MAIL, "RET=FULL"),
    (MAIL, "RET=hdrs"),
    (MAIL, "ENVID=QQ314159"),
    (MAIL, "ENVID=a+2Bb+3Dc+20d"),
    (MAIL, f"ENVID={'x' * 100}"),
    (MAIL, "AUTH=<>"),
    (MAIL, "AUTH=e+3Dmc2@example.com"),
    (RCPT, "NOTIFY=NEVER"),
    (RCPT, "NOTIFY=SUCCESS"),
    (RCPT, "NOTIFY=success,FAILURE,Delay"),
    (RCPT, "ORCPT=rfc822;Bob@Example.com"),
    (RCPT, "ORCPT=rfc822;a+2Bb@c"),
    (RCPT, "ORCPT=utf-8;用户@例子"),
    (RCPT, "ORCPT=utf-8;\\x{7528}@c"),
    (RCPT, f"ORCPT=rfc822;{'x' * 493}"),
]

PARAMETERS_REFUSED = [
    (MAIL, "SIZE", 501),
    (MAIL, "SIZE=", 501),
    (MAIL, "SIZE=-1", 501),
    (MAIL, "SIZE=1k", 501),
    (MAIL, "SIZE=\u0661", 501),
    (MAIL, "SIZE=123456789012345678901", 501),
    (MAIL, "SIZE=1 SIZE=1", 501),
    (MAIL, "SIZE=1=2", 501),
    (MAIL, "BODY", 501),
    (MAIL, "BODY=9BIT", 501),
    (MAIL, "BODY=BINARY\u017fMIME", 501),
    (MAIL, "SMTPUTF8=1", 501),
    (MAIL, "RET=SOME", 501),
    (MAIL, "ENVID", 501),
    (MAIL, "ENVID=a+", 501),
    (MAIL, "ENVID=a+2", 501),
    (MAIL, "ENVID=a+2b", 501),
    (MAIL, "ENVID=a+0A", 501),
    (MAIL, "ENVID=a+7F", 501),
    (MAIL, "ENVID=é", 501),
    (MAIL, f"ENVID={'x' * 101}", 501),
    (MAIL, "AUTH", 501),
    (MAIL, "AUTH=a+0Db", 501),
    (MAIL, "=1", 501),
    (MAIL, "-X=1", 501),
    (MAIL, "S\u00a0IZE=1", 501),
    (MAIL, "NOTIFY=NEVER", 555),
    (MAIL, "XFOO", 555),
    (MAIL, "MT-PRIORITY=3", 555),
    (RCPT, "SIZE=1", 555),
    (RCPT, "NOTIFY", 501),
    (RCPT, "NOTIFY=NEVER,SUCCESS", 501),
    (RCPT, "NOTIFY=SUCCESS,", 501),
    (RCPT, "NOTIFY=SOMETIMES", 501),
    (RCPT, "NOTIFY=SUCCESS NOTIFY=DELAY", 501),
    (RCPT, "ORCPT=Bob@Example.com", 501),
    (RCPT, "ORCPT=rfc822;", 501),
    (RCPT, "ORCPT=;Bob", 501),
    (RCPT, "ORCPT=rfc822;用户", 501),
    (RCPT, "ORCPT=rfc822;a+b", 501),
    (RCPT, f"ORCPT=rfc822;{'x' * 494}", 501),
]

BARE = {MAIL.usage: "FROM:<a@b>", RCPT.usage: "TO:<a@b>"}


@pytest.mark.parametrize(("form", "argument", "address"), ACCEPTED)
def test_address_is_read(form: Form, argument: str, address: str) -> None:
    """A correct path is accepted, and gives the mailbox in its canonical spelling."""
    assert parse(form, argument) == Addressed(address=address, parameters={})


@pytest.mark.parametrize(("form", "argument", "status"), REFUSED)
def test_address_is_refused(form: Form, argument: str, status: str) -> None:
    """A wrong path is refused with 501 and the status that says whether command, sender or recipient is wrong."""
    refusal = parse(form, argument)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == (501, status)


@pytest.mark.parametrize(("form", "parameter"), PARAMETERS_ACCEPTED)
def test_parameter_is_kept_as_sent(form: Form, parameter: str) -> None:
    """A correct parameter is kept under its upper-cased keyword with its value's case and encoding untouched."""
    keyword, _, value = parameter.partition("=")
    for spelling in (keyword, keyword.lower()):
        argument = f"{BARE[form.usage]} {spelling}{'=' if value else ''}{value}"
        assert parse(form, argument) == Addressed(address="a@b", parameters={keyword: value})


@pytest.mark.parametrize(("form", "parameters", "code"), PARAMETERS_REFUSED)
def test_parameter_is_refused(form: Form, parameters: str, code: int) -> None:
    """A wrong value is refused with 501, an unknown keyword with 555, both with 5.5.4."""
    refusal = parse(form, f"{BARE[form.usage]} {parameters}")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == (code, "5.5.4")


def test_parameters_come_in_any_order_with_any_number_of_spaces() -> None:
    """Several parameters are all read."""
    parsed = parse(MAIL, "FROM:<>  RET=HDRS   envid=x SIZE=7 ")
    assert parsed == Addressed(address="", parameters={"RET": "HDRS", "ENVID": "x", "SIZE": "7"})


@given(st.text('ab\\"@ .<>[]:\u00e4', max_size=12))
def test_quoting_is_canonical(text: str) -> None:
    """Whatever a local part is, quoting it reads back as one mailbox, and reading that again changes nothing."""
    quoted = '"' + "".join(f"\\{character}" if character in '\\"' else character for character in text) + '"'
    parsed = parse(RCPT, f"TO:<{quoted}@c>")
    assert isinstance(parsed, Addressed)
    assert parse(RCPT, f"TO:<{parsed.address}>") == parsed


@given(st.sampled_from([MAIL, RCPT]), st.text(max_size=60))
def test_any_text_gives_an_answer(form: Form, text: str) -> None:
    """No argument raises, and a refusal is a reply of one line."""
    for argument in (text, f"{form.keyword}<{text}>", f"{BARE[form.usage]} {text}"):
        parsed = parse(form, argument)
        if isinstance(parsed, Refusal):
            assert str(parsed).isascii()
            assert str(parsed).isprintable()
