"""What a package index shows of the project: README without the links that lead nowhere there.

There is no public address of the repository that they could lead to. The files that they name are in the source
distribution, so a link to one becomes its name. The links between README's own headings stay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\[(?P<text>[^]]+)\]\((?P<target>[^)\s]+)\)")
_WORKS_ANYWHERE = ("#", "https://", "http://", "mailto:")


class Described(MetadataHookInterface):
    """Sets ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description to the project's metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": _LINK.sub(_outside, text)}


def _outside(link: re.Match[str]) -> str:
    return link[0] if link["target"].startswith(_WORKS_ANYWHERE) else f"`{link['target']}`"
