"""The trust stores of mTLS endpoints: what is wrong with one, and how it is kept. Called by the services."""

from functools import lru_cache

from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import Problem
from core.unset import UNSET, Unset
from endpoints import trust_words
from endpoints.logic import trust_store
from endpoints.logic.trust_store import Contents
from endpoints.models import IngressEndpoint, TrustStore

Texts = tuple[str | None, str | None]  # PEM of CAs and of CRLs; None: not spoken of


def problems(
    endpoint_type: str, ca_content: str | None, crl_content: str | None, *, is_new: bool = False
) -> list[Problem]:
    """At `ca_content`, `crl_content`. `is_new`: an endpoint that is made, and has no trust store yet."""
    if endpoint_type != IngressEndpoint.Type.MTLS:
        given = {"ca_content": ca_content, "crl_content": crl_content}
        return [
            Problem(path, _("Only an mTLS endpoint has a trust store."))
            for path, text in given.items()
            if text
        ]
    if ca_content is None and not is_new:
        return []
    if not (ca_content or "").strip():
        return [Problem("ca_content", _("An mTLS endpoint needs the CAs whose clients it trusts."))]
    return trust_words.problems(trust_store.flaws_of(ca_content or "", crl_content or "", timezone.now()))


def wished(endpoint: IngressEndpoint, ca_content: str | Unset, crl_content: str | Unset) -> Texts:
    """What the two are to be, where either is given; (None, None) where neither is."""
    if ca_content is UNSET and crl_content is UNSET:
        return None, None
    kept = of(endpoint)
    return (
        kept.ca_content if ca_content is UNSET else ca_content,
        kept.crl_content if crl_content is UNSET else crl_content,
    )


def save(endpoint: IngressEndpoint, ca_content: str | None, crl_content: str | None) -> bool:
    """False where it was so already. After `problems` found none."""
    wish = {"ca_content": ca_content or "", "crl_content": (crl_content or "").strip() and crl_content}
    if TrustStore.objects.filter(endpoint=endpoint, **wish).exists():
        return False
    TrustStore.objects.update_or_create(endpoint=endpoint, defaults=wish)
    return True


def of(endpoint: IngressEndpoint) -> TrustStore:
    """As it is stored; an empty one where there is none."""
    stored = TrustStore.objects.filter(endpoint=endpoint).first()
    return stored or TrustStore(endpoint=endpoint)


def contents_of(endpoint: IngressEndpoint) -> Contents:
    stored = of(endpoint)
    return _read(stored.ca_content, stored.crl_content)


# A summary page asks every two seconds while a status moves, and hundreds of certificates take a while.
_read = lru_cache(8)(trust_store.read)
