"""STARTTLS and AUTH of a conversation with an SMTP or LMTP server, as a client."""

import base64
import ssl
from functools import cache

from django.conf import settings

from relays.conversation import Conversation, Login, PeerFault, TlsUse


class HandshakeFault(Exception):
    """Optional TLS was offered, and then did not work."""


async def protect(conversation: Conversation) -> None:
    """STARTTLS, as the target wants it."""
    target = conversation.target
    if target.tls is TlsUse.NEVER:
        return
    if target.tls is TlsUse.REQUIRED:
        if not conversation.offers("STARTTLS"):
            raise PeerFault(f"{target.host} does not offer STARTTLS, and TLS is required")
        if not await conversation.start_tls(_verifying_context(settings.OUTBOUND_CA_FILE)):
            raise PeerFault(f"{target.host} refuses STARTTLS, and TLS is required")
    elif conversation.offers("STARTTLS"):
        try:
            await conversation.start_tls(_trusting_context())
        except PeerFault as fault:
            raise HandshakeFault from fault


async def log_in(conversation: Conversation, login: Login) -> None:
    """AUTH PLAIN (RFC 4616) or LOGIN. PeerFault, with the peer's words but none of ours, where it fails."""
    host = conversation.target.host
    if not conversation.tls_version:
        raise PeerFault(f"{host}: a password is not sent without TLS")
    offered = conversation.extensions.get("AUTH", "").upper().split()
    if "PLAIN" in offered:
        reply = await conversation.ask("AUTH PLAIN " + _base64(f"\0{login.username}\0{login.password}"))
    elif "LOGIN" in offered:
        reply = await conversation.ask("AUTH LOGIN")
        for answer in (login.username, login.password):
            if reply.code == 334:
                reply = await conversation.ask(_base64(answer))
    else:
        raise PeerFault(f"{host} offers neither AUTH PLAIN nor AUTH LOGIN")
    if reply.code != 235:
        raise PeerFault(f"{host} refuses the credentials: {reply}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@cache
def _verifying_context(ca_file: str) -> ssl.SSLContext:
    """Trusts the system's authorities, and those in `ca_file` if there is one."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


@cache
def _trusting_context() -> ssl.SSLContext:
    """Against who only listens (RFC 7435): any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
