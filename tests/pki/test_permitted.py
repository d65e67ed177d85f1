"""Claims about the name space that a lab CA may issue for."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from labserver.errors import ConfigurationError
from labserver.pki.permitted import LAB, Permitted, is_domain
from labserver.pki.profile import HOSTS


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("localhost", True),
        ("a.b.LAB.test", True),
        ("*.lab.test", True),
        ("host.docker.internal", True),
        ("127.66.1.2", True),
        ("::1", True),
        ("internal", False),
        ("docker.internal", False),
        ("mail.corp.internal", False),
        ("metadata.google.internal", False),
        ("latest", False),
        ("mytest", False),
        ("test.com", False),
        ("mail.example.com", False),
        ("128.0.0.1", False),
        ("::2", False),
        ("", False),
    ],
)
def test_only_lab_names_are_covered(name: str, inside: bool) -> None:  # noqa: FBT001 -- a column of the table
    """A domain covers itself and what is below it, label by label; nothing on the public Internet is inside."""
    assert LAB.covers(name) is inside


def test_every_default_host_is_covered() -> None:
    """The lab's own names need no --permit."""
    assert all(LAB.covers(host) for host in HOSTS)


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("lan", "printer.lan"),
        ("internal", "mail.corp.internal"),
        (".Svc.Cluster.Local", "mail.svc.cluster.local"),
        ("10.1.0.0/16", "10.1.200.3"),
        ("192.0.2.7", "192.0.2.7"),
        ("fd00::/8", "fd12::1"),
    ],
)
def test_permit_widens(text: str, covered: str) -> None:
    """Domains, addresses and ranges can be added, and what was permitted stays so."""
    assert not LAB.covers(covered)
    wider = LAB.widened((text,))
    assert wider.covers(covered)
    assert wider.includes(LAB)
    assert not LAB.includes(wider)


@pytest.mark.parametrize(
    "text", ["", ".", "*.lan", "bücher.test", "10.1.2.3/16", "300.1.2.3", "a..b", "a b", "-a", "x" * 64]
)
def test_nonsense_is_refused_with_the_text(text: str) -> None:
    """What is no domain, address or range is told back to the operator, host bits beyond a mask included."""
    with pytest.raises(ConfigurationError) as caught:
        LAB.widened((text,))
    assert f"--permit {text}:" in str(caught.value)


def test_includes_compares_ranges_within_one_family() -> None:
    """An IPv4 range is never inside an IPv6 one."""
    six = Permitted(networks=(ip_network("::/0"),))
    four = Permitted(networks=(ip_network("10.0.0.0/8"),))
    assert not six.includes(four)
    assert four.includes(Permitted(networks=(ip_network("10.9.0.0/16"),)))
    assert not Permitted(networks=(ip_network("10.9.0.0/16"),)).includes(four)


@pytest.mark.parametrize(
    ("text", "verdict"), [("lab.test", True), ("a_b.test", True), ("1.2.3.4", False), ("x.", False)]
)
def test_is_domain(text: str, verdict: bool) -> None:  # noqa: FBT001 -- a column of the table
    """A name in ASCII labels that cannot be read as an address."""
    assert is_domain(text) is verdict
