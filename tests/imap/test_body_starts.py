"""Tests of labserver.imap.body_starts: where a body begins is looked for once, and remembered where that is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.imap import body_starts
from labserver.message.header import header_end

if TYPE_CHECKING:
    from tests.imap.driver import Lab

_MESSAGES = 3
_CONTENT = b"From: a@b.test\r\nSubject: quince\r\n\r\nSubject: in the body\r\n"
_FIELDS = "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"
_SEARCH = "SEARCH SUBJECT quince"


@pytest.mark.parametrize(
    ("commands", "looks"),
    [
        (("FETCH 1:* ENVELOPE", _FIELDS, _SEARCH, _FIELDS, _SEARCH), _MESSAGES),
        ((_SEARCH, _SEARCH), 2 * _MESSAGES),
    ],
)
def test_how_often_it_is_looked_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, commands: tuple[str, ...], looks: int
) -> None:
    """After ENVELOPE it is known; a search, which may go through a whole mailbox, leaves nothing behind."""
    looked: list[bytes] = []

    def counting(content: bytes, *, within: int) -> int:
        looked.append(content)
        return header_end(content, within=within)

    monkeypatch.setattr(body_starts, "header_end", counting)
    lab.deliver(*[_CONTENT] * _MESSAGES)
    client = lab.selected()
    for command in commands:
        client.ok(command)
    assert len(looked) == looks
    inbox = lab.alice.mailbox("INBOX")
    assert inbox is not None
    assert all((message.cache is None) is (commands[0] == _SEARCH) for message in inbox.messages)
