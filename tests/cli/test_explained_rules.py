"""``labserver explain RULE``: what a rule asks for, where that stands, and why it matters."""

from __future__ import annotations

import pytest

from labserver.cli.parser import run
from labserver.verdicts.rules import RULES


def _told(name: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run(["explain", name]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


@pytest.mark.parametrize("name", RULES)
def test_every_rule(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its sentence, clause, reason and example, and says where it is judged; lines fit a terminal."""
    told, rule = _told(name, capsys), RULES[name]
    whole = " ".join(told.split())
    for part in (f"{name}: {rule.sentence}", rule.source, rule.why, rule.example):
        assert " ".join(part.split()) in whole
    assert "Judged in: every case" in told or "Judged in: " in told
    assert max(map(len, told.splitlines())) <= 110


def test_where(capsys: pytest.CaptureFixture[str]) -> None:
    """A rule names some of its scenarios, or says that it always holds; and where it is a remark only."""
    assert "Judged in: every case\n" in _told("no-secret-in-clear", capsys)
    told = _told("closes-on-preauth", capsys)
    assert "imap-greeting-preauth" in told
    assert "A failure under: tls-required-starttls, tls-required-implicit; elsewhere a remark\n" in told
    assert "A failure under: every policy\n" in _told("bounded-time", capsys)
    assert " more\n" in _told("rejects-certificate", capsys)


def test_no_such_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is neither a scenario nor a rule is refused."""
    assert "no-such-thing" in _told("no-such-thing", capsys, 2)
