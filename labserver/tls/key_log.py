"""``--key-log``: the secrets of each session, a line each, for Wireshark; a disk that is full ends no session."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.private_files import open_appending

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keep_secret"]

_log = logging.getLogger("labserver.tls")


def keep_secret(path: Path, line: bytes) -> None:
    """Append a line; where that fails, tell the operator, once for each reason."""
    try:
        with os.fdopen(open_appending(path), "ab") as stream:
            stream.write(line + b"\n")
    except OSError as error:
        _tell(f"--key-log {path}: {error.strerror}; secrets are missing from it")
    except ConfigurationError as error:
        _tell(f"--key-log: {error}")


@cache
def _tell(text: str) -> None:
    _log.error("%s", text)
