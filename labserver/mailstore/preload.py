"""Fills accounts from files: ``.eml``, mbox and Maildir, alone or in trees.

A directory is a mailbox, ``.eml`` files in it are its messages, an mbox or a Maildir in it is a mailbox below it::

    DIR/*.eml                     the INBOX of the first account
    DIR/alice.mbox, DIR/alice     alice's INBOX (an mbox with another name: the first account's INBOX)
    DIR/alice/…                   alice's INBOX: .eml files, or a Maildir with Maildir++ folders (.Sent, .Lists.python)
    DIR/alice/Sent/…              alice's Sent; Sent.mbox and Sent (an mbox) too

Hidden files are passed over, as is what is none of these; the report names the latter. No link is followed out of DIR,
nowhere or in a circle; the report names it. A message that its mailbox has from before, octet for octet, is not added
again, so that a kept store can be started with the same files every time.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError, StoreError
from labserver.mailstore import mailfiles
from labserver.mailstore.names import INBOX, SEPARATOR, canonical
from labserver.mailstore.preload_tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from labserver.mailstore.account import Account
    from labserver.mailstore.directory import Directory
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Draft, Message
    from labserver.mailstore.store import MailStore

__all__ = ["PreloadReport", "preload"]

_NAMED = 5
"""How many of the files passed over are named."""
_MAILDIR_PARTS = frozenset({"cur", "new", "tmp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadReport:
    """What :func:`preload` did."""

    added: int
    """Messages that are new in their mailbox."""
    present: int
    """Messages that were there already."""
    ignored: tuple[Path, ...]
    """Files that are neither ``.eml`` nor mbox."""
    skipped: tuple[str, ...] = ()
    """Links that were not followed, with the reasons."""

    def __str__(self) -> str:
        present = f", {self.present} there already" if self.present else ""
        ignored = _some([path.name for path in self.ignored])
        skipped = _some(self.skipped)
        return "; ".join(
            (
                f"{self.added} loaded{present}",
                *([f"passed over, no mail: {ignored}"] if ignored else []),
                *([f"WARNING: links not followed: {skipped}"] if skipped else []),
            )
        )


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:_NAMED]) + (" …" if len(words) > _NAMED else "")


def preload(path: Path, *, store: MailStore, directory: Directory, keep_line_ends: bool = False) -> PreloadReport:
    """Fill accounts from a file or a tree. Raise ConfigurationError, naming the file, when something cannot be read."""
    preloading = _Preloading(store, directory, Tree(path), keep_line_ends=keep_line_ends)
    preloading.start(path)
    skipped = (f"{link} ({reason})" for link, reason in preloading.tree.skipped.items())
    return PreloadReport(
        added=preloading.added,
        present=preloading.present,
        ignored=tuple(preloading.ignored),
        skipped=tuple(skipped),
    )


class _Preloading:
    """One run over a tree."""

    def __init__(self, store: MailStore, directory: Directory, tree: Tree, *, keep_line_ends: bool) -> None:
        self.tree = tree
        self._keep = keep_line_ends
        self._store = store
        self._directory = directory
        self._before: dict[Mailbox, dict[int, list[Message]]] = {}
        self.added = 0
        self.present = 0
        self.ignored: list[Path] = []

    def start(self, path: Path) -> None:
        with _explained(path):
            if not path.is_dir():
                self._file(path, self._first_account(), INBOX)
            elif self.tree.is_maildir(path):
                self._tree(path, self._first_account(), INBOX)
            else:
                for entry in self.tree.visible(path):
                    if entry.is_dir():
                        self._tree(entry, self._account_of(entry), INBOX)
                    else:
                        named = self._directory.resolve(_mbox_name(entry)) if _is_mbox(entry) else None
                        self._file(entry, self._store.account(named) if named else self._first_account(), INBOX)

    def _first_account(self) -> Account:
        return self._store.account(next(iter(self._directory.users)))

    def _account_of(self, path: Path) -> Account:
        name = self._directory.resolve(path.name)
        if name is None:
            known = ", ".join(self._directory.users)
            raise ConfigurationError(f"{path}: there is no account {path.name!r}; a directory here is one of {known}")
        return self._store.account(name)

    def _tree(self, path: Path, account: Account, name: str) -> None:
        """Load a directory, which is the mailbox ``name``, and what is below it."""
        in_maildir = self.tree.is_maildir(path)
        if in_maildir:
            files = self._plain(self.tree.maildir_files(path))
            self._add(mailfiles.read_maildir(files, keep_line_ends=self._keep), account, name, path)
        else:
            _mailbox(account, name, path)
        for entry in self.tree.visible(path):
            if not entry.is_dir():
                self._file(entry, account, _below(name, _mbox_name(entry)) if _is_mbox(entry) else name)
            elif not (in_maildir and entry.name in _MAILDIR_PARTS):
                self._tree(entry, account, _below(name, entry.name))
        if in_maildir:
            for entry in self.tree.maildir_folders(path):
                self._tree(entry, account, _below(name, mailfiles.maildir_folder(entry.name)))

    def _file(self, path: Path, account: Account, name: str) -> None:
        """Load a file into the mailbox ``name``."""
        with _explained(path):
            if path.exists() and not self._plain([path]):
                return
            if path.suffix.lower() == ".eml":
                self._add([mailfiles.read_message(path, keep_line_ends=self._keep)], account, name, path)
            elif mailfiles.is_mbox(path):
                self._add(mailfiles.read_mbox(path, keep_line_ends=self._keep), account, name, path)
            else:
                self.ignored.append(path)

    def _plain(self, paths: list[Path]) -> list[Path]:
        """Return those that are files; reading a pipe or a device could wait forever."""
        plain = [path for path in paths if path.is_file()]
        self.ignored += set(paths).difference(plain)
        return plain

    def _add(self, drafts: Iterable[Draft], account: Account, name: str, path: Path) -> None:
        mailbox = _mailbox(account, name, path)
        if mailbox not in self._before:
            self._before[mailbox] = defaultdict(list)
            for message in mailbox.messages:
                self._before[mailbox][message.size].append(message)
        before = self._before[mailbox]
        with _explained(path):
            for draft in drafts:
                if any(message.content == draft.content for message in before.get(draft.size, ())):
                    self.present += 1
                else:
                    mailbox.append([draft])
                    self.added += 1


def _mailbox(account: Account, name: str, path: Path) -> Mailbox:
    """Return the mailbox of that name, made and subscribed when there is none."""
    with _explained(path):
        mailbox = account.mailbox(name)
        if mailbox is None:
            mailbox = account.create(name)
            account.subscribe(name)
    assert mailbox is not None  # noqa: S101 -- create returns None only for names that end in a separator
    return mailbox


def _below(name: str, child: str) -> str:
    """Return the name of what is in a directory: an account's own directory is its INBOX and its root at once."""
    return canonical(child) if name == INBOX else name + SEPARATOR + child


def _is_mbox(path: Path) -> bool:
    return path.suffix.lower() != ".eml" and path.is_file() and mailfiles.is_mbox(path)


def _mbox_name(path: Path) -> str:
    return path.stem if path.suffix.lower() == ".mbox" else path.name


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file, or with storing what is in it, into ConfigurationError."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{error.filename or path}: {error.strerror or error}") from error
    except StoreError as error:
        raise ConfigurationError(f"{path}: {error}") from error
