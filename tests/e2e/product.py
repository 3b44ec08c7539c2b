"""The running product as a test meets it: endpoints made for it, mail sent to them, what arrived."""

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.e2e.desk import Desk
from tests.servers.process import wait_until
from tests.servers.system import System

# An idle machine needs a second; other tests may have the cores.
PATIENCE_SECONDS = 60.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """`host`, `port`: where it takes mail; `submission_port`: and submissions, if Authenticated."""

    id: str
    name: str
    host: str
    port: int
    submission_port: int
    a_record: str
    policy_id: str
    rule_set_id: str

    @property
    def submission(self) -> tuple[str, int]:
        return self.host, self.submission_port


class Product:
    def __init__(self, system: System, desk: Desk) -> None:
        self.system = system
        self.desk = desk

    # --- what a test makes ----------------------------------------------------------------------

    def mailbox(self, name: str) -> str:
        self.desk.call("destinations.create_mailbox", name=name)
        return name

    def endpoint(
        self, name: str, rules: Sequence[Json], *, statements: Sequence[Json] = (), **wishes: Any
    ) -> Endpoint:
        """ACTIVE, with a policy and a rule set of its own. `default_action`, `max_message_size_bytes` are
        the policy's, other wishes the endpoint's."""
        of_policy = {
            "default_action": wishes.pop("default_action", "ALLOW"),
            "max_message_size_bytes": wishes.pop("max_message_size_bytes", None),
        }
        policy = self.desk.call("policies.create", name=name, statements=statements, **of_policy)
        rule_set = self.desk.call("rulesets.create", name=name, rules=rules)
        self.desk.call(
            "endpoints.create",
            name=name,
            traffic_policy_id=policy["id"],
            rule_set_id=rule_set["id"],
            **{"type": "OPEN", **wishes},
        )
        return self.active(name)

    def active(self, name: str) -> Endpoint:
        """The endpoint of that name, as soon as it is ACTIVE."""
        system = self.system
        system.wait_until_active(name)
        ((endpoint_id, label, policy_id, rule_set_id),) = system.rows(
            "SELECT id, record_label, traffic_policy_id, rule_set_id FROM endpoints_ingressendpoint"
            " WHERE name = ?",
            name,
        )
        return Endpoint(
            id=endpoint_id,
            name=name,
            host=system.address_of(name),
            port=system.smtp_port,
            submission_port=system.submission_port,
            a_record=f"{label}.mail-manager-smtp.mailmanager.test",
            policy_id=policy_id,
            rule_set_id=rule_set_id,
        )

    def wait_for_status(self, endpoint_name: str, status: str) -> None:
        """`status` "": until it is gone."""
        wait_until(
            lambda: self.system.status_of(endpoint_name) == status,
            f"endpoint {endpoint_name} {status or 'gone'}",
            timeout_seconds=PATIENCE_SECONDS,
        )

    # --- what became of mail --------------------------------------------------------------------

    def stored(self, mailbox: str) -> list[bytes]:
        """The messages in its Maildir, in the order of their names."""
        folder = self.system.data_dir / "mailboxes" / mailbox / "new"
        return [path.read_bytes() for path in sorted(folder.glob("*"))]

    def arrived(self, mailbox: str, count: int = 1) -> list[EmailMessage]:
        """What lies in the mailbox, as soon as it is `count` messages; more are an error."""
        wait_until(
            lambda: len(self.stored(mailbox)) >= count,
            f"{count} messages in {mailbox}",
            timeout_seconds=PATIENCE_SECONDS,
        )
        messages = [email.message_from_bytes(raw, policy=email.policy.SMTP) for raw in self.stored(mailbox)]
        assert len(messages) == count
        return messages

    def objects(self, bucket: str) -> list[Path]:
        """Files in the bucket, drafts left out."""
        folder = self.system.data_dir / "buckets" / bucket
        return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]

    def spooled(self) -> int:
        ((count,),) = self.system.rows("SELECT count(*) FROM mailflow_spoolmessage", spool=True)
        return int(count)

    def wait_until_spool_is_empty(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        wait_until(lambda: not self.spooled(), "nothing under way any more", timeout_seconds=timeout_seconds)

    def outcome_of(self, message_id: str) -> str:
        """ "" where the trace does not know it (yet)."""
        found = self.system.rows("SELECT outcome FROM mailflow_messagetrace WHERE id = ?", message_id)
        return str(found[0][0]) if found else ""

    def events_of(self, message_id: str) -> list[str]:
        """Kinds of its trace's events, in order."""
        rows = self.system.rows(
            "SELECT kind FROM mailflow_traceevent WHERE trace_id = ? ORDER BY at, id", message_id
        )
        return [str(kind) for (kind,) in rows]

    def wait_for_outcome(self, message_id: str, outcome: str) -> None:
        wait_until(
            lambda: self.outcome_of(message_id) == outcome,
            f"message {message_id} {outcome}",
            timeout_seconds=PATIENCE_SECONDS,
        )


_ACCEPTED = re.compile(r"250 2\.0\.0 Ok ([a-z0-9]{40})")


def message_id_in(reply: object) -> str:
    """The ID in `250 2.0.0 Ok <message id>`, wherever it stands in what a client printed."""
    found = _ACCEPTED.search(str(reply))
    assert found, reply
    return found[1]


def letter(subject: str = "Hello", *, to: str = "bob@example.com", body: str = "Hello Bob,\r\n") -> bytes:
    return f"From: Ann <ann@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}".encode()
