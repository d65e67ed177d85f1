"""A full disk: mail is refused, what was acknowledged stays, and what frees room goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NAMESPACE = ("unshare", "--mount", "--map-root-user")


def _can_mount(folder: Path) -> bool:
    command = [*_NAMESPACE, "mount", "-t", "tmpfs", "none", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.timeout(180)
def test_a_full_disk(tmp_path: Path) -> None:
    """452 4.3.1 and NO [OVERQUOTA]; EXPUNGE, CLOSE, MOVE, DELETE and QUIT make room; nothing acknowledged is lost."""
    if not _can_mount(tmp_path):
        pytest.skip("this system lets nobody have a small disk")
    command = [*_NAMESPACE, sys.executable, "-m", "tests.integration.full_disk", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr[-3000:]
