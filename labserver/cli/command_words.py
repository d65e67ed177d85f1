"""The command behind ``--``, as ``labserver run`` and ``labserver check`` take it."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command_words"]


def command_words(given: Sequence[str], verb: str) -> list[str]:
    """Return the words of the command; raises ConfigurationError if there are none, or if they are quoted as one."""
    words = list(given[1:] if given[:1] == ["--"] else given)
    if not words:
        raise ConfigurationError(f"no command given: labserver {verb} [options] -- CMD [arguments]")
    if len(words) == 1 and len(words[0].split()) > 1 and shutil.which(words[0]) is None:
        raise ConfigurationError(
            f"{shlex.quote(words[0])} is one word, and no program is called that; without the quotes: "
            f"labserver {verb} -- {words[0]}"
        )
    return words
