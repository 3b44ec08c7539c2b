"""What STARTTLS works with: a context for each endpoint, made off the event loop and shared by its sessions.

Sessions are resumed by tickets (RFC 5077, RFC 8446 §2.2) whose keys belong to a context: as long as
certificate and trust store stay as they are, within one process. A new trust store is a new context, so
that nobody comes in with a ticket of the former one. Python has no way to share keys between processes.
"""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from endpoints.logic import trust_store
from endpoints.logic.snapshot import ServedEndpoint, TrustStore
from endpoints.logic.trust_store import Contents, Trust
from ingress.certificates import Certificates

log = structlog.get_logger()

# A context is asked for again after such a while, to see a changed certificate, or the end of a CA.
_KEPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServerTls:
    """`trust`: of an mTLS endpoint, whom to let in after the handshake (ingress.client_certificates)."""

    context: ssl.SSLContext
    trust: Trust | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """An mTLS endpoint's, and of what it was made."""

    base: ssl.SSLContext
    stored: TrustStore
    contents: Contents
    tls: ServerTls


class TlsContexts:
    """Of one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, certificates: Certificates) -> None:
        self._loop = loop
        self._certificates = certificates
        # Certificates want one caller at a time, and files read off the loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="certificates")
        self._known: dict[str, tuple[float, TrustStore | None, ServerTls]] = {}
        self._made: dict[str, _Made] = {}

    def prepare(self) -> None:
        self._loop.run_in_executor(self._thread, self._certificates.prepare)

    def close(self) -> None:
        self._thread.shutdown(wait=False)

    def at_hand(self, endpoint: ServedEndpoint) -> ServerTls | None:
        """None where it has to be made, or looked at again, first."""
        known = self._known.get(endpoint.host_name)
        if known is None or self._loop.time() - known[0] >= _KEPT_SECONDS:
            return None
        return known[2] if known[1] is endpoint.trust_store else None

    async def of(self, endpoint: ServedEndpoint) -> ServerTls:
        """OSError where there is no usable certificate."""
        tls = self.at_hand(endpoint)
        if tls is not None:
            return tls
        stored, now = endpoint.trust_store, self._loop.time()
        tls = await self._loop.run_in_executor(self._thread, self._find, endpoint.host_name, stored)
        self._known[endpoint.host_name] = now, stored, tls
        return tls

    # --- in the thread ----------------------------------------------------------------------------

    def _find(self, host_name: str, stored: TrustStore | None) -> ServerTls:
        base = self._certificates.context_for(host_name)
        if stored is None:
            return ServerTls(base)
        now, made = datetime.now(UTC), self._made.get(host_name)
        if made is None or made.stored != stored:
            contents = trust_store.read(stored.ca_content, stored.crl_content)
        else:
            contents = made.contents
            changes_at = made.tls.trust.changes_at if made.tls.trust else None
            if made.base is base and (changes_at is None or now <= changes_at):
                return made.tls
        tls = self._trusting(host_name, contents.trusted_at(now))
        self._made[host_name] = _Made(base, stored, contents, tls)
        log.info(
            "trust_store_loaded",
            host_name=host_name,
            authorities=len(contents.authorities),
            revocation_lists=len(contents.revocation_lists),
            expiring=[
                f"{expiry.kind} {expiry.number} {expiry.subject} {expiry.validity} {expiry.at:%Y-%m-%d}"
                for expiry in contents.expiries_at(now)
            ],
        )
        return tls

    def _trusting(self, host_name: str, trust: Trust) -> ServerTls:
        """Asks for a client certificate and verifies it. A client without one is let into TLS, to be told
        there what it lacks; every CA of the bundle is an anchor, whoever signed it."""
        context = self._certificates.new_context_for(host_name)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if trust.authorities:
            context.load_verify_locations(cadata=trust.authorities)
        return ServerTls(context, trust)
