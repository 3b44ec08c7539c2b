"""Authenticated encryption of values and keys: AES-256-GCM (NIST SP 800-38D), nothing else."""

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12  # SP 800-38D §8.2.2; random ones are good for 2**32 messages a key


class CannotDecrypt(Exception):
    """Another key, another context, or a changed ciphertext: GCM does not tell which."""


def new_key() -> bytes:
    return random_bytes(KEY_BYTES)


def random_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Nonce, ciphertext and tag. `context` is bound to it: it must be given again to open it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt from error


def encode_context(context: Mapping[str, str]) -> bytes:
    """An encryption context as bytes that are equal for equal contexts: lengths before contents,
    sorted by key, so that no two contexts run together."""
    parts = []
    for key, value in sorted(context.items()):
        for text in (key.encode(), value.encode()):
            parts.append(len(text).to_bytes(4, "big") + text)
    return b"".join(parts)
