"""What a session does at STARTTLS: its turn, the handshake, the client's certificate."""

import ssl
from typing import TYPE_CHECKING

import structlog

from core import reply
from core.envelope import TlsVersion
from core.reply import Reply
from endpoints.logic.trust_store import Trust
from ingress.acceptance import local_error
from ingress.client_certificates import admission
from ingress.tally import Handshake

if TYPE_CHECKING:
    from ingress.session import SmtpSession

log = structlog.get_logger()

_TLS_VERSIONS = {"TLSv1.2": TlsVersion.TLS1_2, "TLSv1.3": TlsVersion.TLS1_3}


async def start_tls(session: "SmtpSession") -> None:
    """When it is the session's turn. It goes on, or has been hung up."""
    turn = await session.engine.handshakes.turn()
    if turn is None:
        log.warning("tls_overloaded", endpoint=session.endpoint_id, peer=session.peer_address)
        session.engine.tally.handshakes[Handshake.OVERLOADED] += 1
        session.go_on_with(session.conversation.tls_refused)
        return
    try:
        await _shake_hands(session)
    except Exception as error:  # noqa: BLE001 - the session's edge: it logs
        session.hang_up(local_error(session, error))
    finally:
        turn.end()


async def _shake_hands(session: "SmtpSession") -> None:
    engine = session.engine
    try:
        tls = await engine.tls.of(session.conversation.terms.endpoint)
    except OSError as error:
        log.error("tls_unavailable", endpoint=session.endpoint_id, reason=str(error))
        engine.tally.handshakes[Handshake.UNAVAILABLE] += 1
        session.go_on_with(session.conversation.tls_refused)
        return
    if session.conversation.is_closed or session.transport.is_closing():
        return
    try:
        # From here to the first await nothing else runs: no byte after the 220 goes astray.
        session.send(reply.READY_FOR_TLS.wire)
        session.send_now()
        transport = await engine.loop.start_tls(
            session.transport,
            session,
            tls.context,
            server_side=True,
            ssl_handshake_timeout=engine.config.handshake_timeout_seconds,
        )
    except (OSError, ssl.SSLError, TimeoutError) as error:
        log.info("tls_failed", endpoint=session.endpoint_id, peer=session.peer_address, reason=str(error))
        engine.tally.handshakes[Handshake.FAILED] += 1
        session.transport.abort()
        return
    if transport is None:  # the peer hung up during the handshake
        return
    session.transport = transport
    secured = transport.get_extra_info("ssl_object")
    session.tls_cipher = secured.cipher()[0]
    version = _TLS_VERSIONS[secured.version()]
    engine.tally.handshakes[version] += 1
    session.wait_for_peer()
    hindrance = None if tls.trust is None else _admit(session, secured, tls.trust)
    session.go_on_with(session.conversation.tls_established, version, hindrance)


def _admit(session: "SmtpSession", secured: ssl.SSLObject, trust: Trust) -> Reply | None:
    """To an mTLS endpoint. What the client hears where it is not admitted."""
    admitted = admission(secured, trust)
    session.client_certificate = admitted.certificate
    if admitted.refusal is not None:
        log.info(
            "client_certificate_refused",
            endpoint=session.endpoint_id,
            peer=session.peer_address,
            reason=admitted.reason,
        )
    return admitted.refusal
