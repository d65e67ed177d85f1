"""Claims about names and extensions: what a recipe says is what is written, however odd."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from labserver.pki import der
from labserver.pki.extensions import encode_extensions, encode_name
from labserver.pki.specification import CertificateSpec, Extra


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    host: str = "x.lab.test"
    names: tuple[str, ...] = ("x.lab.test",)
    addresses: tuple[str, ...] = ("127.0.0.1",)
    usual: tuple[str, ...] = ()
    id: str = "recipe"
    http: str = "http://127.0.0.1:3080"


AROUND = _Names()
COMMON_NAME = "3011" + "0603550403" + "0c0a" + b"x.lab.test".hex()
PURPOSES, NAMES = der.object_identifier("2.5.29.37"), der.object_identifier("2.5.29.17")


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ((("CN", "{host}"),), "3015" + "3113" + COMMON_NAME),
        ((("O:der", "0c02fffe"), ("CN", "{host}")), "3022" + "310b3009060355040a0c02fffe" + "3113" + COMMON_NAME),
        ((("2.5.4.5:printable", "1"),), "300c310a300806035504051301" + "31"),
        ((("C", "US"), ("+O", "x")), "3017" + "3115" + "3008060355040a0c0178" + "3009060355040613025553"),
    ],
)
def test_name(attributes: tuple[tuple[str, str], ...], written: str) -> None:
    """An attribute is of the string type it names or as it is written out; a plus joins it to the one before."""
    assert encode_name(attributes, AROUND).hex() == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (
            "dns:n{9..11}.{host}",
            "820d6e392e782e6c61622e74657374820e6e31302e782e6c61622e74657374820e6e31312e782e6c61622e74657374",
        ),
        ("ip:127.0.0.1", "87047f000001"),
        ("ip:#7f0000", "87037f0000"),
        ("rid:1.2.3", "88022a03"),
        ("other:1.2.3=0500", "a00806022a03a0020500"),
        ("other:1.2.3=utf8:{host}", "a01206022a03a00c0c0a782e6c61622e74657374"),
    ],
)
def test_names(name: str, written: str) -> None:
    """A general name is written with its tag (RFC 5280 4.2.1.6); a range is as many names, octets are as they are."""
    value = _extensions(CertificateSpec(names=(name,)))[3][-1]
    assert der.contents(der.contents(value)).hex() == written


def _extensions(spec: CertificateSpec) -> list[tuple[bytes, ...]]:
    """Return each extension's elements."""
    (written,) = encode_extensions(spec, b"one", b"two", AROUND)
    return [der.elements(extension) for extension in der.elements(der.contents(written))]


def test_usual() -> None:
    """Nothing stands there twice unless a recipe says so."""
    found = [identifier for identifier, *_ in _extensions(CertificateSpec())]
    assert len(set(found)) == len(found)


def test_again() -> None:
    """What is said again stands at the end, with its own content."""
    spec = CertificateSpec(names=("dns:a",), again={"names": ("dns:b",)})
    found = [value for identifier, *_, value in _extensions(spec) if identifier == NAMES]
    assert found == [der.octet_string(bytes.fromhex("3003820161")), der.octet_string(bytes.fromhex("3003820162"))]
    assert found[1] == _extensions(spec)[-1][-1]


@pytest.mark.parametrize(("critical", "flag"), [(b"", []), (b"\0", ["010100"]), (b"\x01", ["010101"])])
def test_flag(critical: bytes, flag: list[str]) -> None:
    """The flag of an extension that is written out is the octet that the recipe says, or is left out."""
    spec = CertificateSpec(extra=(Extra(oid="2.5.29.37", value=b"x", critical=critical),))
    (found,) = (rest for identifier, *rest in _extensions(spec) if identifier == PURPOSES)
    assert [octets.hex() for octets in found] == [*flag, "040178"]
    assert [identifier for identifier, *_ in _extensions(spec)].index(PURPOSES) == 2
