"""mbsync between two accounts of a lab, without a copy on disk: what one gives out, the other takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.clients.running_lab import Account, RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client

_MESSAGES = (
    message("a@lab.test", "b@lab.test"),
    "Subject: Grüße\r\n\r\nraw UTF-8 in its header\r\n".encode(),
    b"Subject: nul\r\n\r\nbefore\0after\r\n",
    b"MIME-Version: 1.0\r\nContent-Type: image/x-any\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\1\2\x80\xff\r\n",
    b"\r\nno header at all\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
)
_MARK = re.compile(rb"X-TUID: [^\r\n]*\r\n")
"""By which mbsync finds again what it has copied."""


def _mbsync(sandbox: Sandbox, lab: RunningLab, far: Account, near: Account) -> bytes:
    stores = "".join(
        f"IMAPAccount {name}\nHost localhost\nPort {lab.ports['imaps']}\n"
        f'User {account.user}\nPass "{account.password}"\n'
        f"Timeout {PATIENCE}\nSSLType IMAPS\nSystemCertificates no\nCertificateFile {lab.ca}\n\n"
        f"IMAPStore {name}\nAccount {name}\n\n"
        for name, account in (("far", far), ("near", near))
    )
    channel = "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n"
    configuration = sandbox.file("mbsyncrc", f"{stores}{channel}SyncState {sandbox.folder('state')}/\n")
    return sandbox.run("mbsync", "-c", configuration, "all")


def _read(mailbox: Mailbox) -> list[bytes]:
    return sorted(_MARK.sub(b"", content) for content in mailbox.messages())


def test_mbsync_between_two_accounts(lab: RunningLab, sandbox: Sandbox) -> None:
    """Every mail arrives as FETCH gave it, flags and deletions go both ways, and a second run finds nothing to do."""
    far, near = next(lab.accounts), next(lab.accounts)
    there, here = Mailbox(lab, far), Mailbox(lab, near)
    for content in _MESSAGES:
        there.append(content)
    _mbsync(sandbox, lab, far, near)
    assert _read(here) == sorted(content.replace(b"\0", b"\x80") for content in _MESSAGES)
    here.store("2", "+FLAGS", r"(\Flagged)")
    there.expunge("1")
    here.append(b"Subject: the other way\r\n\r\n")
    Mailbox(lab, far, "Sent").append(b"Subject: sent\r\n\r\n")
    _mbsync(sandbox, lab, far, near)
    assert _read(there) == _read(here)
    assert len(there.messages()) == len(_MESSAGES)
    assert [flags for flags in there.flags() if r"\Flagged" in flags] == [{r"\Flagged"}]
    assert _read(Mailbox(lab, near, "Sent")) == [b"Subject: sent\r\n\r\n"]
    before = there.messages(), here.messages()
    _mbsync(sandbox, lab, far, near)
    assert (there.messages(), here.messages()) == before
