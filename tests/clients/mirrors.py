"""The clients that keep a copy of an account on disk and carry changes both ways.

A mirror synchronises the endpoint's account with the Maildirs under ``mail/`` of the sandbox's home, one per folder.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.clients.running_lab import TlsMode
from tests.clients.sandbox import ClientRefusedError
from tests.patience import PATIENCE, unhurried

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.running_lab import Endpoint
    from tests.clients.sandbox import Sandbox

__all__ = ["MIRRORS", "Mirror"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A two-way client."""

    synchronise: Callable[[Sandbox, Endpoint], bytes]
    """Bring both sides to the same state; returns what the client said."""
    refusal: str
    """What the client says about a certificate it does not trust, as a regular expression."""
    verifies: tuple[TlsMode, ...] = (TlsMode.STARTTLS, TlsMode.IMPLICIT)
    """Where the client is given another CA."""


def _mbsync(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    account, mail = endpoint.account, sandbox.folder("mail")
    configuration = sandbox.file(
        "mbsyncrc",
        f"IMAPAccount lab\nHost {endpoint.host}\nPort {endpoint.port}\nUser {account.user}\n"
        f'Pass "{account.password}"\nTimeout {PATIENCE}\nSSLType {"IMAPS" if endpoint.implicit else "STARTTLS"}\n'
        f"SystemCertificates no\nCertificateFile {endpoint.ca}\n\n"
        "IMAPStore far\nAccount lab\n\n"
        f"MaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
    )
    return sandbox.run("mbsync", "-c", configuration, "all")


def _offlineimap(sandbox: Sandbox, endpoint: Endpoint) -> bytes:
    account, mail = endpoint.account, sandbox.folder("mail")
    configuration = sandbox.file(
        "offlineimaprc",
        f"[general]\naccounts = lab\nmetadata = {sandbox.home}/metadata\nsocktimeout = {unhurried(4):.0f}\n"
        "[Account lab]\nlocalrepository = near\nremoterepository = far\n"
        f"[Repository near]\ntype = Maildir\nlocalfolders = {mail}\nsync_deletes = yes\n"
        f"[Repository far]\ntype = IMAP\nremotehost = {endpoint.host}\nremoteport = {endpoint.port}\n"
        f"remoteuser = {account.user}\nremotepass = {account.password}\nsslcacertfile = {endpoint.ca}\n"
        f"ssl = {'yes' if endpoint.implicit else 'no'}\nstarttls = yes\nauth_mechanisms = PLAIN\nexpunge = yes\n",
    )
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(_RacedError):
            return _offlineimap_once(sandbox, configuration)
    return _offlineimap_once(sandbox, configuration)


_ATTEMPTS = 6
"""Runs of offlineimap before a failure right after STARTTLS is believed to be the lab's."""


class _RacedError(ClientRefusedError):
    """The client tripped over its own threads."""


def _offlineimap_once(sandbox: Sandbox, configuration: Path) -> bytes:
    try:
        return sandbox.run("offlineimap", "-c", configuration, "-o", "-u", "basic")
    except ClientRefusedError as refusal:
        if re.search(r"CAPABILITY => (no response|socket error)|exited with -(6|11):", str(refusal)):
            raise _RacedError(*refusal.args) from None
        raise


MIRRORS = {
    "mbsync": Mirror(synchronise=_mbsync, refusal="certificate|SSL error"),
    "offlineimap": Mirror(synchronise=_offlineimap, refusal="(?i)certificate", verifies=(TlsMode.IMPLICIT,)),
}
"""Mirrors by name."""
