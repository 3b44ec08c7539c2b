"""A key's material, and encryption under it. Who may is asked before, by policies."""

import uuid
from collections.abc import Mapping

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from access.actor import Actor
from access.services import audit
from core.errors import Conflict, Invalid
from resources.services import bump_configuration
from secrets_store import crypto, root_key
from secrets_store.models import EncryptionKey, KeyMaterial

# A ciphertext: one byte of version, the key's UUID (16), the material's number (4), nonce and seal.
_VERSION = b"\x01"
_HEADER_BYTES = 1 + 16 + 4


def add(key: EncryptionKey) -> int:
    """New material, which encrypts from now on; its number. Inside the caller's transaction."""
    bump_configuration()  # its row's lock comes before the root key is read: see rewrap_all
    number = (key.materials.aggregate(last=Max("number"))["last"] or 0) + 1
    wrapped = root_key.wrap(crypto.new_key(), _material_context(key.pk, number))
    KeyMaterial.objects.create(key=key, number=number, wrapped=wrapped)
    return number


def _material_context(key_id: str, number: int) -> bytes:
    return crypto.encode_context({"key": key_id, "number": str(number)})


def rewrap_all(actor: Actor) -> int:
    """Wrap all material by the first root key; how many were under another one.

    Holding the configuration's row, it waits for material that is being added under the former root
    key, and what is added afterwards reads the new one.
    """
    with transaction.atomic():
        bump_configuration()
        stale = [
            material
            for material in KeyMaterial.objects.all()
            if not root_key.is_wrapped_by_first(bytes(material.wrapped))
        ]
        for material in stale:
            context = _material_context(material.key_id, material.number)
            material.wrapped = root_key.wrap(root_key.unwrap(bytes(material.wrapped), context), context)
            material.save(update_fields=["wrapped"])
        audit(actor, "keys.rewrap", count=len(stale))
    return len(stale)


def encrypt(key: EncryptionKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """Under the newest material; `context` is bound to it. Conflict where the key is not enabled."""
    require_enabled(key)
    material = key.materials.order_by("-number").first()
    assert material is not None, "an enabled key has material"
    secret = root_key.unwrap(bytes(material.wrapped), _material_context(key.pk, material.number))
    header = _VERSION + uuid.UUID(key.pk).bytes + material.number.to_bytes(4, "big")
    return header + crypto.seal(secret, plaintext, header + crypto.encode_context(context))


def key_of(ciphertext: bytes) -> EncryptionKey:
    """The key that a ciphertext says it is under; Invalid where it says none that there is."""
    if len(ciphertext) > _HEADER_BYTES and ciphertext[:1] == _VERSION:
        key = EncryptionKey.objects.filter(pk=str(uuid.UUID(bytes=ciphertext[1:17]))).first()
        if key:
            return key
    raise Invalid.at("CiphertextBlob", _("is no ciphertext of an encryption key"))


def decrypt(ciphertext: bytes, context: Mapping[str, str]) -> bytes:
    """Invalid for another context or a changed ciphertext, Conflict for a key that is not enabled."""
    key = key_of(ciphertext)
    require_enabled(key)
    header = ciphertext[:_HEADER_BYTES]
    number = int.from_bytes(header[17:], "big")
    material = key.materials.filter(number=number).first()
    try:
        if material is None:
            raise crypto.CannotDecrypt
        secret = root_key.unwrap(bytes(material.wrapped), _material_context(key.pk, number))
        return crypto.unseal(secret, ciphertext[_HEADER_BYTES:], header + crypto.encode_context(context))
    except crypto.CannotDecrypt:
        raise Invalid.at(
            "CiphertextBlob",
            _("can't be decrypted: another encryption context, a changed ciphertext or a lost root key"),
        ) from None


def require_enabled(key: EncryptionKey) -> None:
    if key.state != EncryptionKey.State.ENABLED:
        raise Conflict(
            _("%(key)s is %(state)s; enable it first.") % {"key": key, "state": key.get_state_display()}
        )
