"""What of a directory ``--preload`` reads: its files and folders, and links that stay inside.

A link that leads out of the directory, nowhere, or back to where it is, is passed over and kept with the reason. What a
link to a folder led to is read once: links to folders in it are passed over, too, or a few of them would make a tree
without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.private_files import real_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Tree"]

_MAILDIR_PARTS = ("cur", "new")


class Tree:
    """One directory that the operator named, which may be a link itself."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = real_path(root)
        self.skipped: dict[Path, str] = {}
        """Links that were passed over, with the reasons."""

    def visible(self, folder: Path) -> list[Path]:
        """Return what is in a folder, sorted by name, without what is hidden. OSError when it cannot be read."""
        return self._inside(entry for entry in folder.iterdir() if not entry.name.startswith("."))

    def is_maildir(self, folder: Path) -> bool:
        """Return whether a folder is a Maildir."""
        return all((folder / part).is_dir() and self._reason(folder / part) == "" for part in _MAILDIR_PARTS)

    def maildir_folders(self, folder: Path) -> list[Path]:
        """Return the Maildir++ folders in a Maildir."""
        hidden = self._inside(entry for entry in folder.iterdir() if entry.name.startswith(".") and entry.is_dir())
        return [entry for entry in hidden if self.is_maildir(entry)]

    def maildir_files(self, folder: Path) -> list[Path]:
        """Return the files in a Maildir that hold its messages, and what else is there under a message's name."""
        return [file for part in _MAILDIR_PARTS for file in self.visible(folder / part)]

    def _inside(self, entries: Iterable[Path]) -> list[Path]:
        kept = []
        for entry in sorted(entries):
            if reason := self._reason(entry):
                self.skipped[entry] = reason
            else:
                kept.append(entry)
        return kept

    def _reason(self, entry: Path) -> str:
        """Return why an entry is not read; empty if it is."""
        if not entry.is_symlink():
            return ""
        try:
            target = entry.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            return "it leads nowhere"
        except (RuntimeError, OSError):  # Python's word for a circle of links; the system's, or no permission
            return "it leads in a circle, or where nobody may look"
        if not target.is_relative_to(self._real_root):
            return "it leads out of the directory"
        return self._reason_for_a_folder(entry.parent, target) if target.is_dir() else ""

    def _reason_for_a_folder(self, place: Path, target: Path) -> str:
        """Return why the folder ``target`` is not read where a link to it is in ``place``."""
        folder = real_path(place)
        if folder.is_relative_to(target):
            return "it leads back to where it is"
        led_here = folder != self._real_root / place.relative_to(self._root)
        return "another link led here" if led_here else ""
