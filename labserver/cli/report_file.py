"""Reports of ``labserver check`` as files that other commands read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from labserver import __version__
from labserver.errors import ConfigurationError
from labserver.report.document import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from labserver.report.case import CaseReport
    from labserver.report.document import Told
    from labserver.report.judging import Judging

__all__ = ["read_earlier", "read_json", "read_report"]


def read_json(path: Path) -> Mapping[str, Any]:
    """Return a JSON object in a file; raises ConfigurationError if it cannot be read or is none."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} is not a report: it is no JSON object")
    return document


def read_report(path: Path, document: Mapping[str, Any]) -> tuple[Told, list[CaseReport]]:
    """Return the campaign in a document, judged again; raises ConfigurationError, naming the file, if it is damaged."""
    try:
        return read_document(document)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def read_earlier(path: Path, words: Sequence[str], judging: Judging) -> list[CaseReport]:
    """Return the cases of a report that a run of the same client can go on from.

    Raises ConfigurationError where another client was run, or by another version, or judged by other terms.
    """
    told, reports = read_report(path, read_json(path))
    plain = tuple(word.encode(errors="surrogateescape").decode(errors="replace") for word in words)
    if told.client != plain:
        raise ConfigurationError(f"--resume {path}: it is about another command: {' '.join(told.client)}")
    if told.version != __version__:
        raise ConfigurationError(f"--resume {path}: it is by labserver {told.version}, and this is {__version__}")
    if told.judging != judging:
        raise ConfigurationError(f"--resume {path}: --patience, --timeout or --revocation were others")
    return reports
