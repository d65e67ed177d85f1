"""The three dialogues, made with small limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.imap import ImapDialogue
from labserver.dialogues.masking import Standing
from labserver.dialogues.pop3 import Pop3Dialogue
from labserver.dialogues.smtp import SmtpDialogue

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue

BEFORE = Standing(authenticated=False, is_account=lambda name: name in {"alice", "alice@lab.test"})
AFTER = Standing(authenticated=True, is_account=BEFORE.is_account)


@pytest.fixture(scope="session")
def dialogues() -> dict[str, Dialogue]:
    """Return the dialogues by protocol."""
    return {
        "smtp": SmtpDialogue(line_limit=512),
        "imap": ImapDialogue(line_limit=512, literal_limit=64),
        "pop3": Pop3Dialogue(line_limit=512),
    }
