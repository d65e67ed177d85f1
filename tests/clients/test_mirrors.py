"""mbsync and offlineimap: changes on either side arrive on the other, and nothing else happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.mailbox import Mailbox
from tests.clients.maildir import Maildir, unmarked
from tests.clients.messages import message
from tests.clients.mirrors import MIRRORS, Mirror
from tests.clients.sandbox import refusing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.running_lab import Account, RunningLab, TlsMode
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


@pytest.fixture(params=list(MIRRORS.values()), ids=list(MIRRORS))
def mirror(request: pytest.FixtureRequest) -> Mirror:
    """Run the test once for each client."""
    client: Mirror = request.param
    return client


@pytest.fixture
def far(lab: RunningLab, account: Account) -> Mailbox:
    """Return the INBOX in the lab."""
    return Mailbox(lab, account)


@pytest.fixture
def near(sandbox: Sandbox) -> Maildir:
    """Return the INBOX on disk."""
    return Maildir(sandbox.home / "mail" / "INBOX")


@pytest.fixture
def synchronise(
    lab: RunningLab, sandbox: Sandbox, account: Account, mirror: Mirror, tls: TlsMode
) -> Callable[[], bytes]:
    """Return the client, ready to run."""
    return lambda: mirror.synchronise(sandbox, lab.endpoint("imap", tls, account))


@pytest.fixture
def letters(account: Account) -> list[bytes]:
    """Return three messages with CRLF line ends."""
    return [message(account.address, account.address) for _ in range(3)]


def _native(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n")


def test_changes_go_both_ways(
    far: Mailbox, near: Maildir, synchronise: Callable[[], bytes], letters: list[bytes]
) -> None:
    """New mail, flags and deletions made on either side are on both after the next run; an idle run changes nothing."""
    old, far_new, near_new = letters
    far.append(old)
    synchronise()
    assert near.messages() == [_native(old)]

    far.append(far_new, r"(\Seen)")
    near.add(_native(near_new))
    near.flag(_native(old), "F")
    synchronise()
    assert near.messages() == sorted(map(_native, letters))
    assert sorted(map(unmarked, far.messages())) == sorted(letters)
    assert near.flags(_native(far_new)) == "S"
    assert far.flags()[0] == {r"\Flagged"}

    far.store("1", "+FLAGS", r"(\Seen \Answered)")
    far.store("1", "-FLAGS", r"(\Flagged)")
    far.expunge("2")
    near.remove(_native(near_new))
    synchronise()
    assert near.messages() == [_native(old)]
    assert far.messages() == [old]
    assert near.flags(_native(old)) == "RS"

    before = far.flags()
    synchronise()
    assert (near.messages(), far.messages(), far.flags()) == ([_native(old)], [old], before)
    assert near.flags(_native(old)) == "RS"


def test_folders_and_moves_go_both_ways(
    lab: RunningLab,
    account: Account,
    sandbox: Sandbox,
    far: Mailbox,
    near: Maildir,
    synchronise: Callable[[], bytes],
    letters: list[bytes],
) -> None:
    """A message moved to another folder on one side is moved on the other, with the folder created where it lacks."""
    first, second, _ = letters
    far.append(first)
    far.append(second)
    far.create("From afar")
    far.move("1", "From afar")
    synchronise()
    from_afar = Maildir(sandbox.home / "mail" / "From afar")
    assert from_afar.messages() == [_native(first)]
    assert near.messages() == [_native(second)]

    sandbox.maildir("mail/From near")
    near.move(_native(second), Maildir(sandbox.home / "mail" / "From near"))
    synchronise()
    assert list(map(unmarked, Mailbox(lab, account, "From near").messages())) == [second]
    assert far.messages() == []


@pytest.mark.parametrize(
    ("client", "mode"),
    [pytest.param(each, mode, id=f"{name}-{mode}") for name, each in MIRRORS.items() for mode in each.verifies],
)
def test_an_unknown_issuer_is_refused(
    lab: RunningLab, sandbox: Sandbox, account: Account, far: Mailbox, client: Mirror, mode: TlsMode, stranger: Path
) -> None:
    """With another CA the client gives up for that reason and has fetched nothing."""
    far.append(message(account.address, account.address))
    with refusing(client.refusal):
        client.synchronise(sandbox, lab.endpoint("imap", mode, account, ca=stranger))
    assert not list(sandbox.home.glob("mail/**/[cn][ue][rw]/*"))
