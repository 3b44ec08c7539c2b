"""The envelope (RFC 5321 §2.3.1): what the SMTP session knows of a message, beside its content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple, Self


class TlsVersion(StrEnum):
    """As the service model spells them; older ones are not spoken at all."""

    TLS1_2 = "TLS1_2"
    TLS1_3 = "TLS1_3"


class CertificateAttribute(StrEnum):
    """Of a client's certificate, as the service model spells them."""

    CN = "CN"
    SAN_RFC822_NAME = "SAN_RFC822_NAME"
    SAN_DNS_NAME = "SAN_DNS_NAME"
    SAN_DIRECTORY_NAME = "SAN_DIRECTORY_NAME"
    SAN_UNIFORM_RESOURCE_IDENTIFIER = "SAN_UNIFORM_RESOURCE_IDENTIFIER"
    SAN_IP_ADDRESS = "SAN_IP_ADDRESS"
    SAN_REGISTERED_ID = "SAN_REGISTERED_ID"
    SERIAL_NUMBER = "SERIAL_NUMBER"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What an mTLS client showed. `subject` as RFC 4514 writes it; `attributes`: a CertificateAttribute →
    its values, those that it has."""

    subject: str
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def to_document(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "attributes": {name: list(values) for name, values in self.attributes.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        attributes = {name: tuple(values) for name, values in document["attributes"].items()}
        return cls(document["subject"], attributes)


class Envelope(NamedTuple):
    """One accepted transaction. A tuple: one is made for each message, and a frozen dataclass of so many
    fields takes four times as long.

    `reverse_path` "" is the null reverse-path; paths are mailboxes without angle brackets.
    `peer_address` is the client's IP address as text; `endpoint_address` ours that it spoke to.
    `authenticated_as` is the endpoint's ID after AUTH, "" without.
    """

    message_id: str
    endpoint_id: str
    rule_set_id: str
    session_id: str
    received_at: datetime
    peer_address: str
    endpoint_address: str
    helo: str
    is_esmtp: bool
    reverse_path: str
    forward_paths: tuple[str, ...]
    size_bytes: int
    tls_version: TlsVersion | None = None
    tls_cipher: str = ""
    authenticated_as: str = ""
    is_smtputf8: bool = False
    is_8bitmime: bool = False
    client_certificate: ClientCertificate | None = None  # of mTLS endpoints alone

    def to_document(self) -> dict[str, Any]:
        """As stored in the spool: JSON types only."""
        document = self._asdict()
        document["received_at"] = self.received_at.isoformat()
        document["forward_paths"] = list(self.forward_paths)
        document["tls_version"] = self.tls_version.value if self.tls_version else None
        certificate = document.pop("client_certificate")
        if certificate is not None:
            document["client_certificate"] = certificate.to_document()
        return document

    def to_json(self) -> str:
        """`to_document` as text. Field by field, as one is made for each message received: a third of what
        `json.dumps` of the document takes."""
        tls_version = f'"{self.tls_version.value}"' if self.tls_version else "null"
        certificate = ""
        if self.client_certificate is not None:
            certificate = f',"client_certificate":{json.dumps(self.client_certificate.to_document())}'
        return (
            f'{{"message_id":{_quoted(self.message_id)},"endpoint_id":{_quoted(self.endpoint_id)},'
            f'"rule_set_id":{_quoted(self.rule_set_id)},"session_id":{_quoted(self.session_id)},'
            f'"received_at":"{self.received_at.isoformat()}","peer_address":{_quoted(self.peer_address)},'
            f'"endpoint_address":{_quoted(self.endpoint_address)},"helo":{_quoted(self.helo)},'
            f'"is_esmtp":{_BOOLEANS[self.is_esmtp]},"reverse_path":{_quoted(self.reverse_path)},'
            f'"forward_paths":[{",".join(map(_quoted, self.forward_paths))}],'
            f'"size_bytes":{self.size_bytes},"tls_version":{tls_version},'
            f'"tls_cipher":{_quoted(self.tls_cipher)},"authenticated_as":{_quoted(self.authenticated_as)},'
            f'"is_smtputf8":{_BOOLEANS[self.is_smtputf8]},"is_8bitmime":{_BOOLEANS[self.is_8bitmime]}'
            f"{certificate}}}"
        )

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        values = dict(document)
        values["received_at"] = datetime.fromisoformat(values["received_at"])
        values["forward_paths"] = tuple(values["forward_paths"])
        values["tls_version"] = TlsVersion(values["tls_version"]) if values["tls_version"] else None
        if certificate := values.get("client_certificate"):
            values["client_certificate"] = ClientCertificate.from_document(certificate)
        return cls(**values)


_BOOLEANS = {True: "true", False: "false"}
