"""How a client gets to know the scenarios' names without anybody touching the system's ``/etc/hosts``.

The names must not be ``localhost``: several clients take that for safe and send passwords in clear to it. So the
client gets a hosts file of its own, by what this system has: a private mount namespace (as root, or as the root of a
user namespace that then becomes the user again), else libnss-wrapper (for programs that ask the C library), else
nothing: then it is told ``localhost``, and the report says so. Each way is tried once, by resolving a name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labserver.scenario import Scenario

__all__ = ["LOCALHOST", "SYSTEM_CERTIFICATES", "Naming", "choose_naming", "hosts_file", "namings", "obstacle", "works"]

_ADDRESS = "127.0.0.1"
_PROBE = f"import socket, sys; sys.exit(socket.getaddrinfo(sys.argv[1], 1)[0][4][0] != {_ADDRESS!r})"
_PROBE_TIME = 10.0
_WRAPPER = "libnss-wrapper"
_NO_WRAPPER = "libnss-wrapper is not installed"
_NO_UNSHARE = "there is no program unshare"
_REMEDIES = {_NO_WRAPPER: "install libnss-wrapper", _NO_UNSHARE: "install util-linux"}
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs")
"""Where OpenSSL, GnuTLS and Go look for CA certificates on Debian and many others."""
_SYSTEM_HOSTS = Path("/etc/hosts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """One way to names."""

    words: tuple[str, ...] = ()
    """What the client's command line is put behind."""
    environment: Mapping[str, str] = field(default_factory=dict)
    names: bool = True
    """Whether the scenarios' names are known."""
    note: str = ""
    """What the user should know about it."""

    def behind(self, certificates: Path | None = None) -> tuple[str, ...]:
        """Return :attr:`words`, in whose mount namespace ``certificates`` are the system's, if there are any.

        Raises ValueError for certificates where there is no mount namespace.
        """
        if certificates is None:
            return self.words
        *enter, script, hosts = self.words
        return (*enter, f'mount --bind "$1" {SYSTEM_CERTIFICATES} && shift && {script}', hosts, str(certificates))

    def host(self, scenario: Scenario) -> str:
        """Return the name to tell a client."""
        return scenario.host_names[0] if self.names or not scenario.hosts_entries else "localhost"


LOCALHOST = Naming(
    names=False,
    note="scenario names cannot be resolved here, so clients get localhost; "
    "those that trust it may be reported unfairly",
)


def hosts_file(scenarios: Iterable[Scenario]) -> str:
    """Return this machine's hosts and the scenarios' names."""
    known = _SYSTEM_HOSTS.read_text(encoding="utf-8", errors="surrogateescape") if _SYSTEM_HOSTS.exists() else ""
    entries = (" ".join(one.hosts_entries) for one in scenarios)
    return known.rstrip("\n") + "\n" + "".join(f"{_ADDRESS} {names}\n" for names in entries if names)


def choose_naming(hosts: Path, probe: str) -> Naming:
    """Return the first way by which the name ``probe``, which is in the file ``hosts``, can be resolved."""
    obstacles: list[str] = []
    for naming in namings(hosts):
        found = obstacle(naming, probe)
        if not found:
            return naming
        obstacles.append(found)
    return replace(LOCALHOST, note=f"{LOCALHOST.note}: {'; '.join(dict.fromkeys(obstacles))}. {_advice(obstacles)}")


def _advice(obstacles: list[str]) -> str:
    """Return what to do about what keeps every way from working."""
    remedies = [remedy for found, remedy in _REMEDIES.items() if found in obstacles]
    remedies += ["run as root"] if os.geteuid() else []
    remedies += ["allow unshare --mount, which a container needs CAP_SYS_ADMIN for"] if not remedies else []
    return f"To give them names, {', or '.join(remedies)}"


def namings(hosts: Path) -> Iterator[Naming]:
    """Yield the ways that may work, the best first."""
    mount = 'mount --bind "$0" /etc/hosts && '
    if os.geteuid() == 0:
        yield Naming(
            words=("unshare", "--mount", "--", "sh", "-c", mount + 'exec "$@"', str(hosts)),
        )
    again = f"exec unshare --user --map-user={os.geteuid()} --map-group={os.getegid()} --"
    yield Naming(
        words=("unshare", "--map-root-user", "--mount", "--", "sh", "-c", f'{mount}{again} "$@"', str(hosts)),
    )
    preloaded = " ".join(filter(None, ("libnss_wrapper.so", os.environ.get("LD_PRELOAD"))))
    entries = hosts.read_text(encoding="utf-8", errors="surrogateescape").split()  # each name and address is one
    yield Naming(
        environment={
            "LD_PRELOAD": preloaded,
            "NSS_WRAPPER_HOSTS": str(hosts),
            "NSS_WRAPPER_MAX_HOSTENTS": str(2 * len(entries)),
        },
        note="names come from libnss-wrapper: a client that does not ask the C library for them will not find any",
    )


def works(naming: Naming, name: str) -> bool:
    """Return whether a program that is run in this way resolves the name to the lab's address."""
    return not obstacle(naming, name)


def obstacle(naming: Naming, name: str) -> str:
    """Return why a program that is run in this way does not resolve the name to the lab's address; empty if it does."""
    way = naming.words[0] if naming.words else _WRAPPER
    try:
        probe = subprocess.run(  # noqa: S603 -- our own words
            [*naming.words, sys.executable, "-c", _PROBE, name],
            env=os.environ | naming.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIME,
            check=False,
        )
    except FileNotFoundError:
        return _NO_UNSHARE
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{way}: {error}"
    said = probe.stderr.decode(errors="replace")
    if probe.returncode == 0:
        return ""
    if way == _WRAPPER and "libnss_wrapper.so" in said:  # the dynamic loader's complaint
        return _NO_WRAPPER
    unresolved = "Traceback" in said or not said.strip()
    return f"{way} does not resolve {name}" if unresolved else said.strip().splitlines()[-1]
