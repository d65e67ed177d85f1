"""What clients are told to trust, as files beside the ready record: the lab's CA, or a scenario's own when asked for.

A scenario whose anchor is its own can be met by name and by address at once; only then does its file have to be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.pki.chain import fingerprint
from labserver.private_files import PUBLIC, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.catalogue.catalogue import Catalogue
    from labserver.pki.chain import Chain

__all__ = ["AnchorFiles"]

_KINDS = ("pem", "der", "p12")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorFiles:
    """The files of one lab; they go with its run directory."""

    catalogue: Catalogue
    directory: Path
    usual: tuple[bytes, ...]
    """What vouches for the lab; nothing if the operator has not told."""
    chain: Callable[[str], Chain]
    """A scenario's."""

    def told(self, identifier: str) -> dict[str, str]:
        """Return a scenario's anchors as the ready record has the lab's: paths by their kinds, and a digest.

        There is no ``p12`` of what its writer cannot read, and only an empty ``pem`` where nobody knows what is to be
        trusted. Raises what making the chain raises.
        """
        good = self.catalogue[identifier].usual_certificate
        anchors = self.usual if good else self.chain(identifier).anchors
        stem = "ca" if anchors and anchors == self.usual else f"ca-{identifier}"
        paths = {kind: self.directory / f"{stem}.{kind}" for kind in _KINDS}
        if not paths["pem"].exists():
            _write(paths, anchors)
        found = {kind: str(path) for kind, path in paths.items() if path.exists()}
        return found | ({"sha256": fingerprint(anchors[0])} if anchors else {})


def _write(paths: dict[str, Path], anchors: tuple[bytes, ...]) -> None:
    from labserver.pki.export import trust_files  # noqa: PLC0415 -- cryptography, only when needed

    contents = {file.name.rpartition(".")[2]: file.content for file in trust_files(anchors)} or {"pem": b""}
    for kind, path in reversed(paths.items()):  # the PEM last: where it is, the others are
        if kind in contents:
            write_file(path, contents[kind], mode=PUBLIC, durable=False)
