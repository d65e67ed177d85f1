"""OpenSSL's notation of cipher suites, for tlslite-ng: which of its suites are meant, in which order.

It takes the part of the notation that scenarios need (openssl-ciphers(1)): names of suites, words for several, ``+``
between words that must all hold, ``!`` or ``-`` before what is taken out. Here a word for several suites means none
without a certificate, unless it says so (``aNULL``): that would be a fault beside the one that is meant.
"""

from __future__ import annotations

import re
from functools import cache

from tlslite.constants import CipherSuite

from labserver.errors import ConfigurationError
from labserver.tls.suite_names import openssl_name

__all__ = ["ANONYMOUS", "TLS_1_3", "suites_named", "suites_of"]

TLS_1_3 = tuple(CipherSuite.tls13Suites)
"""The suites of TLS 1.3."""
ANONYMOUS = frozenset((*CipherSuite.anonSuites, *CipherSuite.ecdhAnonSuites))
"""Those in which the server proves nothing."""
_OLDER = (
    *CipherSuite.ecdheEcdsaSuites,
    *CipherSuite.ecdheCertSuites,
    *CipherSuite.dheCertSuites,
    *CipherSuite.dheDsaSuites,
    *CipherSuite.certSuites,
    *CipherSuite.ecdhAnonSuites,
    *CipherSuite.anonSuites,
)
_DRAFT = "draft"
_SAYS_SO = frozenset({"aNULL", "ADH", "AECDH"})
_PART = re.compile(
    r"TLS_(?P<exchange>ECDHE|DHE|ECDH|DH|RSA)(?:_(?P<proof>RSA|ECDSA|DSS|ANON))?_WITH_(?P<protection>.+)"
)
_EXCHANGES = {
    "ECDHE": ("kECDHE", "kEECDH", "ECDHE", "EECDH"),
    "DHE": ("kDHE", "kEDH", "DHE", "EDH"),
    "ECDH": ("kECDHE", "kEECDH", "AECDH"),
    "DH": ("kDHE", "kEDH", "ADH"),
    "RSA": ("kRSA", "RSA"),
}
_PROOFS = {
    "RSA": ("aRSA",),
    "ECDSA": ("aECDSA", "ECDSA"),
    "DSS": ("aDSS", "DSS"),
    "ANON": ("aNULL",),
}
_PROTECTIONS = {
    "AES_128": ("AES128", "AES"),
    "AES_256": ("AES256", "AES"),
    "GCM": ("AESGCM",),
    "CCM": ("AESCCM",),
    "CCM_8": ("AESCCM8",),
    "CHACHA20": ("CHACHA20",),
    "3DES": ("3DES",),
    "RC4": ("RC4",),
    "NULL": ("NULL", "eNULL"),
}


@cache
def _words() -> dict[str, tuple[int, ...]]:
    """Return the suites that each word means, and each name."""
    words: dict[str, list[int]] = {}
    for suite in _OLDER:
        name = CipherSuite.ietfNames[suite]
        part = _PART.fullmatch(name)
        if part is None or _DRAFT in name:
            continue
        protection = part["protection"]
        kinds = [
            kind
            for key, kinds in _PROTECTIONS.items()
            if re.search(rf"(?:\A|_){key}(?:_|\Z)", protection)
            for kind in kinds
        ]
        kinds += [*_EXCHANGES[part["exchange"]], *_PROOFS[part["proof"] or "RSA"], *_hash(suite, protection)]
        if "NULL" not in kinds:
            kinds.append("ALL")
        for word in (name, openssl_name(name), *kinds):
            words.setdefault(word, []).append(suite)
    words["COMPLEMENTOFALL"] = words["eNULL"]
    return {word: tuple(dict.fromkeys(suites)) for word, suites in words.items()}


def _hash(suite: int, protection: str) -> tuple[str, ...]:
    """Return the words for what protects integrity; of an AEAD suite the hash is the PRF's and no word."""
    if suite in CipherSuite.aeadSuites:
        return ()
    name = protection.rpartition("_")[2]
    return ("SHA1", "SHA") if name == "SHA" else (name,)


def suites_of(notation: str) -> tuple[int, ...]:
    """Return the suites of TLS 1.2 and older that are meant, by their numbers.

    Raises ConfigurationError for a word that means none of tlslite-ng's.
    """
    chosen: dict[int, None] = {}
    for word in re.split("[:, ]+", notation):
        if not word or word.startswith("@"):
            continue
        out = word[0] in "!-"
        meant = _meant(word[out:], known=not out)
        for suite in meant:
            if out:
                chosen.pop(suite, None)
            else:
                chosen[suite] = None
    return tuple(chosen)


def _meant(word: str, *, known: bool) -> list[int]:
    """Return the suites that a word means; ``known`` if it must mean any."""
    parts = word.split("+")
    first, *others = (_words().get(part, ()) for part in parts)
    meant = [suite for suite in first if all(suite in other for other in others)]
    if not ANONYMOUS.issuperset(meant) and _SAYS_SO.isdisjoint(parts) and known:
        meant = [suite for suite in meant if suite not in ANONYMOUS]
    if known and not meant:
        raise ConfigurationError(f"tlslite-ng serves no suite {word}")
    return meant


def suites_named(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return suites of TLS 1.3 by IANA's names; raises ConfigurationError for one that tlslite-ng does not serve."""
    known = {CipherSuite.ietfNames[suite]: suite for suite in TLS_1_3}
    if unknown := [name for name in names if name not in known]:
        raise ConfigurationError(f"tlslite-ng serves no suite {unknown[0]} of TLS 1.3")
    return tuple(known[name] for name in names)
