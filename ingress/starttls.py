"""What a session does at STARTTLS: its turn, the handshake, the client's certificate."""

import ssl
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core import reply
from core.envelope import TlsVersion
from core.reply import Reply
from endpoints.logic.trust_store import Trust
from ingress.acceptance import local_error
from ingress.client_certificates import admission
from ingress.handshakes import Turn
from ingress.tally import Handshake
from ingress.tls_contexts import ServerTls
from ingress.tls_transport import TlsTransport

if TYPE_CHECKING:
    from ingress.session import SmtpSession

log = structlog.get_logger()

_TLS_VERSIONS = {"TLSv1.2": TlsVersion.TLS1_2, "TLSv1.3": TlsVersion.TLS1_3}


def start_tls(session: "SmtpSession") -> None:
    """At once, or when it is the session's turn. It goes on, or is hung up."""
    engine = session.engine
    turn = engine.handshakes.take()
    tls = engine.tls.at_hand(session.conversation.terms.endpoint)
    if turn is None or tls is None:
        session.wait_for(_start_later(session, turn))
    else:
        _shake_hands(session, turn, tls)


async def _start_later(session: "SmtpSession", turn: Turn | None) -> None:
    engine, conversation = session.engine, session.conversation
    try:
        turn = turn or await engine.handshakes.turn()
        if turn is None:
            log.warning("tls_overloaded", endpoint=session.endpoint_id, peer=session.peer_address)
            engine.tally.handshakes[Handshake.OVERLOADED] += 1
            session.go_on_with(conversation.tls_refused)
            return
        tls = await engine.tls.of(conversation.terms.endpoint)
    except OSError as error:
        log.error("tls_unavailable", endpoint=session.endpoint_id, reason=str(error))
        engine.tally.handshakes[Handshake.UNAVAILABLE] += 1
        session.go_on_with(conversation.tls_refused)
    except Exception as error:  # noqa: BLE001 - the session's edge: it logs
        session.hang_up(local_error(session, error))
    else:
        if not conversation.is_closed and not session.transport.is_closing():
            _shake_hands(session, turn, tls)
            return
    if turn is not None:
        turn.end()


def _shake_hands(session: "SmtpSession", turn: Turn, tls: ServerTls) -> None:
    try:
        # Nothing else runs meanwhile: no byte after the 220 goes astray.
        session.send(reply.READY_FOR_TLS.wire)
        session.send_now()
        secured = TlsTransport(
            session.transport,
            session,
            tls.context,
            established=partial(_established, session, turn, tls.trust),
            failed=partial(_failed, session, turn),
        )
    except Exception as error:  # noqa: BLE001 - the session's edge: it logs
        turn.end()
        session.hang_up(local_error(session, error))
    else:
        session.secure(secured)
        turn.give_up = partial(secured.give_up, TimeoutError("no handshake in time"))


def _established(session: "SmtpSession", turn: Turn, trust: Trust | None) -> None:
    turn.end()
    try:
        secured = session.transport.tls
        session.tls_cipher = secured.cipher()[0]
        version = _TLS_VERSIONS[secured.version()]
        session.engine.tally.handshakes[version] += 1
        session.wait_for_peer()
        hindrance = None if trust is None else _admit(session, secured, trust)
    except Exception as error:  # noqa: BLE001 - the session's edge: it logs
        session.hang_up(local_error(session, error))
    else:
        session.go_on_with(session.conversation.tls_established, version, hindrance)


def _failed(session: "SmtpSession", turn: Turn, reason: Exception) -> None:
    """Its connection ends."""
    turn.end()
    log.info("tls_failed", endpoint=session.endpoint_id, peer=session.peer_address, reason=str(reason))
    session.engine.tally.handshakes[Handshake.FAILED] += 1


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
