"""Who signed a request."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from access.actor import Actor
from api import access_keys
from api.errors import ApiError
from api.logic.signature import BadSignature, Refusal, SignedRequest, check, read_claim
from api.models import AccessKey

_LAST_USED_STEP = timedelta(minutes=1)  # no write for each request


def authenticate(request: HttpRequest, signing_name: str, now: datetime) -> tuple[AccessKey, Actor]:
    """The key, and the person whose it is. ApiError as the service names what is wrong."""
    signed = SignedRequest(
        method=request.method or "",
        path=urlsplit(request.get_full_path()).path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
    try:
        claim = read_claim(signed)
        key = access_keys.find_active(claim.access_key_id)
        secret = access_keys.secret_of(key) if key else None
        if key is None or secret is None:
            raise BadSignature(Refusal.UNKNOWN_KEY, "The security token included in the request is invalid.")
        check(signed, claim, secret, now)
    except BadSignature as error:
        raise ApiError(error.refusal.value, str(error), status=403) from None
    if claim.service != signing_name:
        raise _out_of_scope(f"service: '{signing_name}'")
    if settings.API_REGION_STRICT and claim.region != settings.REGION:
        raise _out_of_scope(f"region: '{settings.REGION}'")
    _note_use(key, now)
    user = key.user
    source = request.META.get("REMOTE_ADDR", "")
    return key, Actor(name=user.get_username(), role=user.person_role, source=source)


def _out_of_scope(right: str) -> ApiError:
    return ApiError(Refusal.INVALID.value, f"Credential should be scoped to the {right}.", status=403)


def _note_use(key: AccessKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_STEP:
        AccessKey.objects.filter(pk=key.pk).update(last_used_at=now)
