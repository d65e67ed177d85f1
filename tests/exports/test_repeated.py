"""With a seed and a time an export is the same everywhere, but for what certs/README.md lists."""

from __future__ import annotations

import re
import ssl
import subprocess
from typing import TYPE_CHECKING

from tests.docs.documents import ROOT, section, table
from tests.integration.labs import COMMAND, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

_SEEDED = ("--seed", "again", "--now", "2026-11-23T12:00:00Z")
_SUMS = "SHA256SUMS"


def _listed() -> set[str]:
    """Return the files and scenarios that are documented as exceptions."""
    text = section((ROOT / "certs" / "README.md").read_text(encoding="utf-8"), "## Where it comes from")
    rows = table(text.partition("These differ")[2])
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


def _export(directory: Path, *options: str) -> dict[str, bytes]:
    """Export in a process of its own; return every file's content."""
    command = [*COMMAND, "certs", "export", str(directory), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_scenarios(tmp_path: Path) -> None:
    """Two processes export the whole catalogue alike, and what differs is what is documented."""
    first, second = (_export(tmp_path / name, "--scenario", "*", *_SEEDED) for name in "ab")
    assert first.keys() == second.keys()
    differing = {name for name in first if first[name] != second[name]} - {_SUMS}
    stores = {name for name in differing if name.endswith(".p12")}
    assert {name.partition("/")[0] for name in differing - stores} | {"server.p12", "client.p12", "ca.p12"} == _listed()
    assert stores == {name for name in first if name.endswith(".p12")}


def test_one_by_one(tmp_path: Path) -> None:
    """A chain does not depend on which others are made; another seed or another day makes another."""
    names = ("expired", "wildcard", "expired-intermediate", "untrusted-root", "good")
    together = _export(tmp_path / "all", *_SEEDED, *(word for name in names for word in ("--scenario", name)))
    other = {
        "seed": ("--seed", "other", *_SEEDED[2:]),
        "day": (*_SEEDED[:2], "--now", "2026-11-24T12:00:00Z"),
    }
    for name in names:
        alone = _export(tmp_path / name, *_SEEDED, "--scenario", name)
        for file in ("chain.pem", "key.pem", "anchors.pem"):
            assert alone[f"{name}/{file}"] == together[f"{name}/{file}"]
        for what, options in other.items():
            changed = _export(tmp_path / what / name, *options, "--scenario", name)
            assert changed[f"{name}/chain.pem"] != alone[f"{name}/chain.pem"]


def test_the_labs_own_chain(tmp_path: Path) -> None:
    """The lab's own chain and a client's repeat as well, but for PKCS #12 and the list of digests."""
    first, second = (_export(tmp_path / name, *_SEEDED) for name in "ab")
    assert {name for name in first if first[name] != second[name]} == {"ca.p12", "server.p12", "README.md"}


def test_a_lab_of_that_time(tmp_path: Path) -> None:
    """A lab with the same seed and time serves what is exported without one."""
    (tmp_path / "lab").mkdir()
    with running(tmp_path / "lab", *_SEEDED) as lab:
        served = ssl.get_server_certificate(("127.0.0.1", lab.ports["imaps"]), timeout=PATIENCE)
        of_lab = _export(tmp_path / "a", "--scenario", "wrong-host", "--ready-file", str(lab.ready_file))
    assert _export(tmp_path / "b", *_SEEDED)["cert.pem"].decode() == served
    without_lab = _export(tmp_path / "c", "--scenario", "wrong-host", *_SEEDED)
    for file in ("chain.pem", "key.pem", "anchors.pem"):
        assert of_lab[f"wrong-host/{file}"] == without_lab[f"wrong-host/{file}"]
