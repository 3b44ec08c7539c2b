"""The servers that are signed in to: our ingress, and Postfix with Dovecot's SASL."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks._auth_load import Account
from benchmarks._auth_rows import TALKED_TO
from benchmarks._certificate import Certificate
from benchmarks._targets import POSTFIX_SETTINGS, POSTFIX_TLS, ingress
from secrets_store.password_hashes import hash_password
from tests.servers.postfix import Postfix
from tests.servers.process import Process, running

_POSTFIX_AUTH = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_tls_auth_only = no
smtpd_error_sleep_time = 0
"""

# Its delay after a wrong password and its penalties by address are off.
_DOVECOT = """\
protocols =
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = no
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=ARGON2ID username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


@dataclass(frozen=True)
class AuthTarget:
    """`pids`: the processes, with their descendants, whose CPU time it costs."""

    accounts: tuple[Account, ...]
    pids: tuple[int, ...]


@contextlib.contextmanager
def our_ingress(folder: Path, certificate: Certificate, count: int, first: str) -> Iterator[AuthTarget]:
    """`count` endpoints that all listen, at `count` addresses from `first` on."""
    accounts = folder.with_suffix(".json")
    rows = ("benchmarks._auth_rows", str(count), first, str(accounts))
    with ingress(folder, address=first, rows=rows, certificate=certificate) as server:
        made = [Account(port=server.port, **one) for one in json.loads(accounts.read_text())]
        yield AuthTarget(tuple(made), (server.pid,))


@contextlib.contextmanager
def postfix_with_dovecot(
    folder: Path, certificate: Certificate, count: int, address: str
) -> Iterator[AuthTarget]:
    """`count` users in a passwd-file, with hashes of our own parameters."""
    sasl = folder / "sasl"
    sasl.mkdir(parents=True)
    passwords = [secrets.token_urlsafe() for _ in range(TALKED_TO)]
    hashes = list(map(hash_password, passwords))
    step = count // TALKED_TO  # those with a password of their own stand apart from each other
    users = "".join(f"user{number}:{hashes[number // step % TALKED_TO]}\n" for number in range(count))
    (sasl / "users").write_text(users)
    (sasl / "users").chmod(0o644)
    (sasl / "dovecot.conf").write_text(_DOVECOT.format(folder=sasl))
    dovecot = Process(["dovecot", "-F", "-c", sasl / "dovecot.conf"], log=sasl / "stdout.log")
    with running(dovecot):
        dovecot.wait_until((sasl / "auth").exists, "Dovecot listens")
        settings = POSTFIX_SETTINGS + (POSTFIX_TLS + _POSTFIX_AUTH).format(
            folder=sasl, certificate=certificate.chain, key=certificate.key
        )
        with Postfix(folder / "postfix", address=address, resolver=address, more_settings=settings) as server:
            accounts = [
                Account("users", address, server.port, f"user{number * step}", password)
                for number, password in enumerate(passwords)
            ]
            yield AuthTarget(tuple(accounts), (server.pid, dovecot.pid))
