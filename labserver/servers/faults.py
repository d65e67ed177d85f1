"""Exceptions of ours, told without their own words: those may repeat what the client said."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["placed", "traced"]


def placed(error: Exception) -> str:
    """Return what was raised and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return type(error).__name__ + where


def traced(error: Exception) -> str:
    """Return the same with the whole way there."""
    return f"{placed(error)}\n{''.join(traceback.format_tb(error.__traceback__))}"
