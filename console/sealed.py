"""What a page has to carry or keep for a while though it is a secret: encrypted under the secret key."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def box(purpose: str) -> Fernet:
    """What one purpose sealed no other opens."""
    key = HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def seal(text: str, purpose: str) -> str:
    return box(purpose).encrypt(text.encode()).decode()


def unseal(token: str, purpose: str, *, max_age_seconds: int) -> str | None:
    """None for what is too old, or was never sealed for that purpose."""
    try:
        return box(purpose).decrypt(token.encode(), ttl=max_age_seconds).decode()
    except InvalidToken:
        return None
