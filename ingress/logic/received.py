"""The `Received:` field that every accepted message gets first (RFC 5321 §4.4)."""

from core.envelope import Envelope, TlsVersion

_TLS_NAMES = {TlsVersion.TLS1_2: "TLSv1.2", TlsVersion.TLS1_3: "TLSv1.3"}


def received_field(envelope: Envelope, host_name: str, date: str) -> bytes:
    """The field with its CRLF. `date` as RFC 5322 §3.3 writes it.

    From-domain is what the client called itself, TCP-info where it really came from. `for` only
    where there is one recipient (§7.2: no blind copies are told).
    """
    peer = envelope.peer_address
    literal = f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"
    tls = ""
    if envelope.tls_version is not None:
        tls = f"\r\n\t({_TLS_NAMES[envelope.tls_version]}, cipher {envelope.tls_cipher})"
    recipient = ""
    if len(envelope.forward_paths) == 1:
        recipient = f"\r\n\tfor <{envelope.forward_paths[0]}>"
    return (
        f"Received: from {envelope.helo} ({literal})\r\n"
        f"\tby {host_name} with {protocol_name(envelope)}{tls}\r\n"
        f"\tid {envelope.message_id}{recipient};\r\n"
        f"\t{date}\r\n"
    ).encode()


def protocol_name(envelope: Envelope) -> str:
    """RFC 3848; of SMTPUTF8 transactions RFC 6531 §4.3. HELO has none for TLS: it is SMTP."""
    if not envelope.is_esmtp:
        return "SMTP"
    name = "UTF8SMTP" if envelope.is_smtputf8 else "ESMTP"
    return name + ("S" if envelope.tls_version else "") + ("A" if envelope.authenticated_as else "")
