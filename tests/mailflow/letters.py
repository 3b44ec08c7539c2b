"""Envelopes and contents for the tests of the mail flow."""

import itertools
import time
from datetime import UTC, datetime
from typing import Any

from core.envelope import Envelope, TlsVersion
from core.identifiers import new_message_id

_numbers = itertools.count(1)


def envelope(*forward_paths: str, content: bytes = b"", **fields: Any) -> Envelope:
    """Accepted now, from ann@sender.example to `forward_paths`, by default bob@inside.example."""
    values: dict[str, Any] = {
        "message_id": new_message_id(time.time_ns()),
        "endpoint_id": "inp-1abc2de3fghi4jkl5mnop6qr",
        "rule_set_id": "rs-none",
        "session_id": f"session{next(_numbers)}",
        "received_at": datetime.now(UTC),
        "peer_address": "192.0.2.7",
        "endpoint_address": "127.25.0.1",
        "helo": "mx.sender.example",
        "is_esmtp": True,
        "reverse_path": "ann@sender.example",
        "forward_paths": forward_paths or ("bob@inside.example",),
        "size_bytes": len(content),
        "tls_version": TlsVersion.TLS1_3,
    }
    return Envelope(**{**values, **fields})


def letter(subject: str = "Minutes", *, size_bytes: int = 0) -> bytes:
    """A message with CRLF, at least `size_bytes` long."""
    head = (
        "Received: from mx.sender.example by inside.example; Wed, 25 Nov 2026 10:00:00 +0000\r\n"
        "From: Ann <ann@sender.example>\r\nTo: Bob <bob@inside.example>\r\n"
        f"Subject: {subject}\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n\r\n"
    ).encode()
    line = b"All of it, in the order in which it was said, and by whom it was.\r\n"
    return head + line * max(1, (size_bytes - len(head)) // len(line) + 1)
