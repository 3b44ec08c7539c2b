"""What a session does at AUTH: the endpoint's state, the limits, the password."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from aiosmtpd.smtp import LoginPassword

from core import reply
from core.reply import Reply
from ingress.acceptance import local_error
from ingress.logic.events import AuthRequested
from ingress.passwords import Overloaded

if TYPE_CHECKING:
    from ingress.session import SmtpSession

log = structlog.get_logger()


async def check_password(session: "SmtpSession", event: AuthRequested) -> Reply:
    """AUTH_SUCCEEDED, or what the client hears instead."""
    engine, endpoint = session.engine, session.conversation.terms.endpoint
    if endpoint.auth_problem:
        log.error("auth_unavailable", endpoint=endpoint.id, reason=endpoint.auth_problem)
        return reply.AUTH_UNAVAILABLE
    if refusal := session.ticket.auth_refusal():
        return _failed(session, refusal)
    try:
        result = await engine.passwords.check(
            endpoint, LoginPassword(event.login, event.password), datetime.now(UTC)
        )
    except Overloaded:
        log.warning("auth_overloaded", endpoint=endpoint.id, peer=session.peer_address)
        return reply.AUTH_UNAVAILABLE
    except Exception as error:  # noqa: BLE001 - the session's edge: it logs
        local_error(session, error)
        return reply.AUTH_UNAVAILABLE
    if result.success:
        return reply.AUTH_SUCCEEDED
    session.ticket.note_failed_auth()
    return _failed(session, reply.AUTH_INVALID)


def _failed(session: "SmtpSession", outcome: Reply) -> Reply:
    log.info(
        "auth_failed",
        session_id=session.session_id,
        endpoint=session.endpoint_id,
        peer=session.peer_address,
        code=outcome.code,
    )
    return outcome
