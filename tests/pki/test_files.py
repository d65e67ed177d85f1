"""Claims about reading files that the operator names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.errors import ConfigurationError
from labserver.pki.files import read_file

if TYPE_CHECKING:
    from pathlib import Path


def test_errors_name_path_and_purpose(tmp_path: Path) -> None:
    """A missing file is one sentence."""
    with pytest.raises(ConfigurationError, match=f"cannot read the list {tmp_path}/none: No such file or directory"):
        read_file(tmp_path / "none", "the list")
