"""Encryption at rest for a tenant's provider secrets: AES-256-GCM, bound to the tenant and the field."""

import base64
import binascii
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from booka_common.errors import NotConfigured

__all__ = ["Sealer"]


class Sealer:
    """Seals with the first key, opens with any: put a new key in front, re-seal, then drop the old one.

    Args:
        variable: the setting the keys come from, named when they are missing.
        keys: base64 of 32 random bytes each.
    """

    def __init__(self, variable: str, keys: Sequence[str]) -> None:
        self._variable = variable
        self._keys = tuple(keys)

    def seal(self, tenant_id: UUID, field: str, secret: str) -> bytes:
        """Encrypt `secret`. A row copied to another tenant or field does not open there.

        Raises:
            NotConfigured: no usable key.
        """
        nonce = os.urandom(12)
        return nonce + self._ciphers()[0].encrypt(nonce, secret.encode(), self._bound_to(tenant_id, field))

    def open(self, tenant_id: UUID, field: str, sealed: bytes) -> str:
        """Decrypt what `seal` made.

        Raises:
            NotConfigured: no usable key, or none of them opens it.
        """
        for cipher in self._ciphers():
            try:
                return cipher.decrypt(sealed[:12], sealed[12:], self._bound_to(tenant_id, field)).decode()
            except InvalidTag:
                continue
        raise NotConfigured(
            self._variable, f"none of its keys opens the stored {field}; add the key it was sealed with"
        )

    def _ciphers(self) -> tuple[AESGCM, ...]:
        try:
            raw = tuple(base64.b64decode(key, validate=True) for key in self._keys)
        except binascii.Error:
            raw = ()
        if not raw or any(len(key) != 32 for key in raw):
            raise NotConfigured(self._variable, "set it to base64 of 32 random bytes (openssl rand -base64 32)")
        return tuple(AESGCM(key) for key in raw)

    @staticmethod
    def _bound_to(tenant_id: UUID, field: str) -> bytes:
        return f"booka|{tenant_id}|{field}|1".encode()
