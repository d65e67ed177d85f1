"""Claims about chains as octets."""

from __future__ import annotations

import ssl

import pytest

from labserver.pki.chain import Chain, certificates_pem, fingerprint, pem


@pytest.mark.parametrize("size", [1, 47, 48, 49, 1000])
def test_pem_is_what_the_standard_library_reads(size: int) -> None:
    """Any octets survive the way into PEM and back, whatever the length of the last line."""
    der = bytes(range(256)) * 4
    assert ssl.PEM_cert_to_DER_cert(pem("CERTIFICATE", der[:size]).decode()) == der[:size]


def test_accessors_name_the_parts_in_wire_order() -> None:
    """A chain file starts with the leaf; the anchors are never part of it."""
    chain = Chain(leaf=b"leaf", intermediates=(b"first", b"second"), key=b"key", anchors=(b"root",))
    assert chain.certificates == (b"leaf", b"first", b"second")
    assert chain.chain_pem == pem("CERTIFICATE", b"leaf") + certificates_pem((b"first", b"second"))
    assert chain.leaf_pem == pem("CERTIFICATE", b"leaf")
    assert chain.key_pem == pem("PRIVATE KEY", b"key")
    assert chain.anchors_pem == pem("CERTIFICATE", b"root")


def test_the_key_is_never_printed() -> None:
    """A chain that ends up in a log or a traceback does not bring its key along."""
    assert "sesame" not in repr(Chain(leaf=b"leaf", key=b"sesame"))


def test_fingerprint_is_spelled_as_openssl_spells_it() -> None:
    """SHA-256 of nothing, in pairs."""
    assert fingerprint(b"").startswith("E3:B0:C4:42:98:FC:1C:14")
    assert len(fingerprint(b"")) == 95
