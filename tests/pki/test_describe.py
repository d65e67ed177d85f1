"""Claims about a chain in words."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.clock import FixedClock, SeededEntropy
from labserver.pki import der
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.chain import Publications, fingerprint
from labserver.pki.describe import describe_certificate, describe_chain
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge
from labserver.pki.wording import escaped
from tests.pki.judges import HTTP, UNREAD

if TYPE_CHECKING:
    from labserver.pki.chain import Chain

LEAF = """\
   subject     CN=lab.test,O=labserver
   issuer      CN=labserver issuing CA c5c384de nowhere,O=labserver
   valid       2026-11-22 00:00:00 to 2026-12-21 23:59:59 UTC, 28 days left
   key         EC P-256
   signature   ecdsa-sha256
   serial      SERIAL
   is a CA     no (critical)
   key usage   digital signature (critical)
   purposes    TLS server
   names       lab.test, *.lab.test, 127.0.0.1
   key id      KEY
   issuer key  ISSUER
   sha256      DIGEST
"""

INTERMEDIATE = (
    "   is a CA     yes, with at most 0 CAs below it (critical)\n"
    "   key usage   digital signature, key cert sign, crl sign (critical)\n"
    "   purposes    TLS server, TLS client\n"
    "   permitted   test, localhost, example, invalid, host.docker.internal, labserver, mail, "
    "127.0.0.0/8, ::1/128 (critical)\n"
    "   excluded    no name (critical)\n"
)

SAID = {
    "bad-signature": "signature   ecdsa-sha256\n",
    "ecc384": "key         EC P-384\n",
    "ed25519": "key         Ed25519\n",
    "eku-any": "purposes    any\n",
    "no-san": "subject     CN=no-san.lab.test,O=labserver\n",
    "no-subject": "subject     (empty)\n",
    "not-yet-valid": "UTC, begins in 9 days\n",
    "rsa2048": "key         RSA 2048 bits\n",
    "ocsp-stapled-revoked": " is revoked since 2026-11-21 00:00:00, 2026-11-23 11:00:00 to ",
    "revoked": " UTC, 1 revoked\n",
    "san-latin1-raw": "names       m\\xe1il.",
    "san-null-byte": "names       san-null-byte.lab.test\\x00",
    "serial-21-octets": "(21 octets, more than 20)\n",
    "serial-negative": "serial      d6 (negative)\n",
    "serial-zero": "serial      0 (zero)\n",
    "signature-algorithm-mismatch": "signature   ecdsa-sha256, but inside it says ecdsa-sha384\n",
    "srv-id-only": "srv:_imaps.lab.test",
    "subject-teletex-bmp": "OU=Ünit (BMPString),O=Café (TeletexString)",
    "unknown-critical-extension": "1.3.6.1.4.1.55738.666.1 05 00 (2 octets) (critical)\n",
    "utctime-no-seconds": "valid       UTCTime 2001010000Z to ",
    "validity-inverted": "UTC, which ends before it begins\n",
    "version-1-without-extensions": "version     1\n",
}
"""What the words for a recipe's chain say of its oddity."""


@pytest.fixture
def issuer(pki_clock: FixedClock) -> LabIssuer:
    """Return a CA that is the same every time."""
    entropy = SeededEntropy("words")
    authority = create_authority(entropy, pki_clock.now(), origin="nowhere")
    return LabIssuer(authority=authority, entropy=entropy, clock=pki_clock)


@pytest.fixture
def chain(issuer: LabIssuer) -> Chain:
    """Return a chain that is the same every time."""
    return issuer.issue_server("lab.test", ("*.lab.test", "127.0.0.1"))


def _identifiers(certificate: bytes) -> tuple[str, str]:
    extensions = x509.load_der_x509_certificate(certificate).extensions
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer is not None
    return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex(), issuer.hex()


def test_a_leaf_in_words(chain: Chain, pki_clock: FixedClock) -> None:
    """Everything that a client may complain about stands there, aligned, and is what the library reads."""
    parsed = x509.load_der_x509_certificate(chain.leaf)
    key, issuer = _identifiers(chain.leaf)
    expected = LEAF.replace("SERIAL", f"{parsed.serial_number:x}").replace("DIGEST", fingerprint(chain.leaf))
    expected = expected.replace("KEY", key).replace("ISSUER", issuer)
    assert describe_certificate(chain.leaf, now=pki_clock.now()) == expected


def test_a_chain_in_words(chain: Chain, pki_clock: FixedClock) -> None:
    """Wire order first, then the anchor, which was issued by itself, then what is stapled."""
    told = Publications(lists={"root": b"\x30\x00"})
    text = describe_chain(replace(chain, staple=b"\x30\x00", publications=told), now=pki_clock.now())
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    later = ["stapled for whoever asks", "published by its CAs"]
    assert titles == ["1. on the wire", "2. on the wire", "to be trusted by clients", *later]
    assert INTERMEDIATE in text
    assert "issuer      itself" in text.partition("to be trusted")[2]
    assert "   OCSP        30 00 (2 octets, which cannot be read: an OCSP response has 0 parts, not 1)\n" in text
    assert text.endswith("   CRL         30 00 (2 octets, which cannot be read: it ends early)\n")


@pytest.mark.parametrize("recipe", sorted(SAID))
def test_oddities(issuer: LabIssuer, recipe: str) -> None:
    """What a recipe does oddly stands in the words for it."""
    host = f"{recipe}.lab.test"
    chain = forge(recipe, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=host, http=HTTP)
    assert SAID[recipe] in describe_chain(chain, now=issuer.clock.now())


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # odd serial numbers
def test_as_the_library_reads(issuer: LabIssuer) -> None:
    """Names are, for every recipe's certificates that the library can read, those that it reads."""
    compared = 0
    for recipe in all_recipes():
        host = f"{recipe}.lab.test"
        chain = forge(recipe, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=host, http=HTTP)
        for certificate in chain.certificates:
            try:
                names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
                    x509.SubjectAlternativeName
                )
            except UNREAD:
                continue
            told = describe_certificate(certificate, now=issuer.clock.now())
            listed = [name.value for name in [*names.value][:20] if isinstance(name, x509.DNSName)]
            assert all(escaped(name) in told for name in listed if name.isascii())
            compared += 1
    assert compared > len(all_recipes()) // 2


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-21T22:59:59Z", "begins in 1 hour"),
        ("2026-12-22T00:00:01Z", "ended 0 hours ago"),
        ("2026-12-24T00:00:01Z", "ended 2 days ago"),
    ],
)
def test_now(chain: Chain, moment: str, told: str) -> None:
    """Validity is told as it is seen from a time."""
    assert f" UTC, {told}\n" in describe_certificate(chain.leaf, now=datetime.fromisoformat(moment))


def test_what_cannot_be_read(chain: Chain, pki_clock: FixedClock) -> None:
    """What is no certificate has its first octets, a reason and a digest, and stops no listing."""
    broken = replace(chain, leaf=b"\x30\x03\x02\x01\x00")
    text = describe_chain(broken, now=pki_clock.now())
    assert "malformed   30 03 02 01 00 (5 octets, which cannot be read: a certificate has 1 parts, not 3)" in text
    assert fingerprint(broken.leaf) in text
    assert INTERMEDIATE in text


def test_a_field_that_cannot_be_read(chain: Chain, pki_clock: FixedClock) -> None:
    """A malformed field hides none of the others."""
    signed, *others = der.elements(chain.leaf)
    fields = list(der.elements(signed))
    fields[4] = der.sequence(der.utc_time("260101000000Z"))  # its end is missing
    fields[5] = der.sequence(b"\x31\x05")  # it ends early
    text = describe_certificate(der.sequence(der.sequence(*fields), *others), now=pki_clock.now())
    assert (
        "subject     30 02 31 05 (4 octets, which cannot be read: it ends early: 5 octets are announced, 0 are" in text
    )
    assert "octets, which cannot be read: " in text.partition("valid ")[2].partition("\n")[0]
    assert "key         EC P-256\n" in text
    assert "names       lab.test, *.lab.test, 127.0.0.1\n" in text


def test_indefinite_lengths(chain: Chain, pki_clock: FixedClock) -> None:
    """BER that is no DER is read all the same."""
    written = b"\x30\x80" + der.contents(chain.leaf) + b"\0\0"
    theirs, ours = (describe_certificate(one, now=pki_clock.now()).splitlines() for one in (chain.leaf, written))
    assert ours[:-1] == theirs[:-1]


def test_any_octets(chain: Chain, pki_clock: FixedClock) -> None:
    """Whatever octets are flipped or missing, there are words and a digest."""
    chance = random.Random(8)  # noqa: S311 -- the same every time
    for _ in range(2000):
        octets = bytearray(chain.leaf)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        cut = bytes(octets[: chance.choice((len(octets), chance.randrange(len(octets))))])
        assert fingerprint(cut) in describe_certificate(cut, now=pki_clock.now())


def test_many_names(issuer: LabIssuer) -> None:
    """A long list is counted, not printed."""
    names = tuple(f"n{number}.lab.test" for number in range(100))
    text = describe_certificate(issuer.issue_server("lab.test", names).leaf, now=issuer.clock.now())
    assert "n18.lab.test … and 81 more\n" in text
