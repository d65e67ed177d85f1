"""A chain with its key as one line of JSON, for the way from a running lab to a command of the same user.

What only the lab can tell to who asks, such as OCSP answers by HTTP, stays there.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

from labserver.pki.chain import Chain, Publications

__all__ = ["packed", "unpacked"]


def packed(chain: Chain) -> str:
    """Return the chain, its private key included, as a line of JSON without a line end."""
    return json.dumps(
        {
            "leaf": _text(chain.leaf),
            "intermediates": [*map(_text, chain.intermediates)],
            "key": _text(chain.key),
            "anchors": [*map(_text, chain.anchors)],
            "staple": None if chain.staple is None else _text(chain.staple),
            "lists": {label: _text(one) for label, one in chain.publications.lists.items()},
        }
    )


def unpacked(line: str) -> Chain:
    """Return the chain that ``packed`` made the line from; raises ValueError or LookupError for any other."""
    fields = json.loads(line)
    return Chain(
        leaf=b64decode(fields["leaf"]),
        intermediates=tuple(map(b64decode, fields["intermediates"])),
        key=b64decode(fields["key"]),
        anchors=tuple(map(b64decode, fields["anchors"])),
        staple=None if fields["staple"] is None else b64decode(fields["staple"]),
        publications=Publications(lists={label: b64decode(one) for label, one in fields["lists"].items()}),
    )


def _text(der: bytes) -> str:
    return b64encode(der).decode("ascii")
