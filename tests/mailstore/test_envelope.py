"""Envelopes packed for memory and for the file: what came comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labserver.mailstore.envelope import Envelope, Recipient

parameters = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
recipients = st.builds(Recipient, address=st.text(max_size=8), parameters=parameters)
envelopes = st.builds(
    Envelope,
    sender=st.text(max_size=8),
    recipients=st.lists(recipients, max_size=3).map(tuple),
    parameters=parameters,
    helo=st.text(max_size=8),
    peer=st.text(max_size=8),
    service=st.text(max_size=8),
    protocol=st.text(max_size=8),
    account=st.text(max_size=8),
)


@given(envelopes)
def test_an_envelope_comes_back(envelope: Envelope) -> None:
    """Every field, parameter and recipient, in order; packed, it is strings only."""
    packed = envelope.packed()
    assert Envelope.unpacked(packed) == envelope
    assert {type(field) for field in packed} == {str}
    assert Envelope.from_json(envelope.to_json()) == envelope


@given(envelopes)
def test_characters_are_counted(envelope: Envelope) -> None:
    """They are all that is packed but the numbers of parameters."""
    counts = [len(envelope.parameters), *(len(recipient.parameters) for recipient in envelope.recipients)]
    assert envelope.characters == len("".join(envelope.packed())) - len("".join(map(str, counts)))
