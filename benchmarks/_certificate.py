"""The certificate that all servers of a benchmark show."""

from dataclasses import dataclass
from pathlib import Path

import trustme

HOST_NAME = "mail.bench.example"


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """One for all servers: the cost of a handshake depends on the kind of key (ECDSA P-256)."""
    issued = trustme.CA().issue_cert(HOST_NAME)
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    made.chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(made.key))
    return made
