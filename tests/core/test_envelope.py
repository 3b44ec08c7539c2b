"""The envelope as the spool keeps it."""

import json
from datetime import UTC, datetime

import pytest

from core.envelope import ClientCertificate, Envelope, TlsVersion

_PLAIN = Envelope(
    message_id="0" * 40,
    endpoint_id="inp-1",
    rule_set_id="rs-1",
    session_id="s1",
    received_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    peer_address="2001:db8::1",
    endpoint_address="192.0.2.1",
    helo="client.example",
    is_esmtp=False,
    reverse_path="",
    forward_paths=("bob@inside.example",),
    size_bytes=1234,
)
_ODD = Envelope(
    message_id="1" * 40,
    endpoint_id="inp-2",
    rule_set_id="rs-2",
    session_id="s2",
    received_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    peer_address="192.0.2.9",
    endpoint_address="2001:db8::2",
    helo="[IPv6:2001:db8::1]",
    is_esmtp=True,
    reverse_path='"a\\"b c"@x.example',
    forward_paths=("用户@例え.example", '"\x7f"@y.example'),
    size_bytes=5,
    tls_version=TlsVersion.TLS1_3,
    tls_cipher="TLS_AES_256_GCM_SHA384",
    authenticated_as="inp-2",
    is_smtputf8=True,
    is_8bitmime=True,
    client_certificate=ClientCertificate('CN="x"', {"CN": ('"x"', "\\")}),
)


@pytest.mark.parametrize("envelope", [_PLAIN, _ODD], ids=["plain", "odd"])
def test_json_made_by_hand_is_the_document(envelope):
    assert json.loads(envelope.to_json()) == envelope.to_document()
    assert Envelope.from_document(json.loads(envelope.to_json())) == envelope


def test_the_odd_envelope_has_every_field_set():
    assert all(_ODD)
