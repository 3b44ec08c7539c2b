"""Whether an mTLS endpoint lets a client in, once the handshake is over."""

import _ssl
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from core import reply
from core.envelope import ClientCertificate
from core.reply import Reply
from endpoints.logic.trust_store import UNREADABLE, Trust
from ingress.logic.client_certificates import described, objection


@dataclass(frozen=True, slots=True)
class Admission:
    """`certificate`, or `refusal` with its `reason` for our log."""

    certificate: ClientCertificate | None = None
    refusal: Reply | None = None
    reason: str = ""


def admission(secured: ssl.SSLObject, trust: Trust) -> Admission:
    """TLS has refused already what no CA of the trust store issued; the rest is looked at here."""
    shown = secured.getpeercert(binary_form=True)
    if not shown:
        return Admission(refusal=reply.CLIENT_CERTIFICATE_REQUIRED, reason="there is none")
    try:
        chain = list(map(x509.load_der_x509_certificate, [shown, *_issuers(secured)]))
        reason = objection(chain, trust, datetime.now(UTC))
        if not reason:
            return Admission(described(chain[0]))
    except UNREADABLE as error:
        reason = f"it can't be read: {error}"
    return Admission(refusal=reply.CLIENT_CERTIFICATE_REFUSED, reason=reason)


def _issuers(secured: ssl.SSLObject) -> list[bytes]:
    """DER, up to the CA of the trust store; [] of a resumed session, whose ticket keeps the client's
    certificate alone. ValueError where they should be known and are not."""
    if secured.session_reused:
        return []
    wrapped: Any = secured
    if hasattr(wrapped, "get_verified_chain"):  # public from Python 3.13 on
        chain = list(wrapped.get_verified_chain())
    else:
        verified = wrapped._sslobj.get_verified_chain() or ()
        chain = [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in verified]
    if not chain:
        raise ValueError("no verified chain")
    return chain[1:]
