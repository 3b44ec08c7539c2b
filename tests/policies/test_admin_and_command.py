"""Traffic policies in Django admin and on the command line."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from access.models import AuditEntry, User
from core.errors import Conflict
from endpoints.models import IngressEndpoint
from policies import services
from policies.models import TrafficPolicy
from resources.services import set_references
from rulesets.models import RuleSet
from tests.policies.documents import allow, deny, ipv4, policy, recipient, tls

DOCUMENT = policy(
    "DENY", deny(recipient("EQUALS", "trap@example.com")), allow(tls("IS", "TLS1_3")), size=1024
)


# --- admin ----------------------------------------------------------------------------------------


@pytest.fixture
def admin(db):
    client = Client()
    client.force_login(User.objects.create_superuser("root", role="administrator"))
    return client


@pytest.fixture
def stored(db, actor):
    return services.create(
        actor, name="inbound", default_action="DENY", statements=DOCUMENT["PolicyStatements"]
    )


def test_admin_lists_filters_and_finds(admin, stored):
    for query in ({}, {"q": "inb"}, {"default_action__exact": "DENY"}, {"o": "6"}):
        assert stored.id in admin.get("/admin/policies/trafficpolicy/", query).content.decode()
    assert stored.id not in admin.get("/admin/policies/trafficpolicy/", {"q": "none"}).content.decode()
    assert (
        "trap@example.com" in admin.get(f"/admin/policies/trafficpolicy/{stored.id}/change/").content.decode()
    )


def test_admin_changes_nothing_past_the_services(admin, stored):
    assert admin.get("/admin/policies/trafficpolicy/add/").status_code == 403
    change = {"name": "x", "default_action": "ALLOW", "statements": "[]"}
    assert admin.post(f"/admin/policies/trafficpolicy/{stored.id}/change/", change).status_code == 403
    assert TrafficPolicy.objects.get().default_action == "DENY"


def test_admin_deletes_as_the_console_does(admin, stored):
    admin.post(f"/admin/policies/trafficpolicy/{stored.id}/delete/", {"post": "yes"})
    assert not TrafficPolicy.objects.exists()
    assert AuditEntry.objects.get(action="policies.delete").actor == "root"


def test_admin_deletes_chosen_rows_as_the_console_does(admin, stored):
    admin.post(
        "/admin/policies/trafficpolicy/",
        {"action": "delete_selected", "_selected_action": [stored.id], "post": "yes"},
    )
    assert AuditEntry.objects.filter(action="policies.delete").exists()


def test_admin_keeps_what_is_in_use(admin, actor, stored):
    set_references("arn:aws:ses:x:1:mailmanager-ingress-point/inp-1", "reception", [stored.arn])
    html = admin.post(f"/admin/policies/trafficpolicy/{stored.id}/delete/", {"post": "yes"}).content.decode()
    assert "reception" in html
    rule_set = RuleSet.objects.create(name="rules")
    IngressEndpoint.objects.create(
        name="branch", type="OPEN", tls_policy="OPTIONAL", traffic_policy=stored, rule_set=rule_set
    )
    admin.post(
        "/admin/policies/trafficpolicy/",
        {"action": "delete_selected", "_selected_action": [stored.id], "post": "yes"},
    )
    assert TrafficPolicy.objects.exists()
    with pytest.raises(Conflict):
        services.delete(actor, stored.id)


# --- checkpolicy ----------------------------------------------------------------------------------


@pytest.fixture
def check(tmp_path):
    """`check(text, *arguments)`: the lines that the command writes, and its exit status."""

    def run(content, *arguments):
        path = tmp_path / "policy.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        try:
            call_command("checkpolicy", str(path), *arguments, stdout=out)
        except SystemExit as error:
            return out.getvalue().replace(str(path), "FILE"), error.code
        return out.getvalue().replace(str(path), "FILE"), 0

    return run


def test_good_document_passes(check):
    assert check(json.dumps(DOCUMENT)) == ("FILE: no problems\n", 0)
    assert check(b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode()) == ("FILE: no problems\n", 0)


def test_every_problem_has_a_line_and_the_exit_status_is_one(check):
    text = json.dumps(policy("DENY", deny(ipv4("10.0.0.1/8", "x"))), indent=1)
    written, status = check(text)
    first, second = written.splitlines()
    assert status == 1
    assert first.startswith("FILE:14: PolicyStatements[0].Conditions[0].IpExpression.Values[0]: ")
    assert "“x” is not an IP range" in second


@pytest.mark.parametrize("text", ["", "{", "null", "[" * 100_000, '"\\ud800"', '{"DefaultAction": 1e999}'])
def test_no_policy_at_all_is_one_line(check, text):
    written, status = check(text)
    assert status == 1
    assert written.startswith("FILE:1: ")
    assert written.count("\n") == 1


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(DOCUMENT).encode())))
    out = io.StringIO()
    call_command("checkpolicy", "-", stdout=out)
    assert out.getvalue() == "-: no problems\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--decide", "TRAP@example.com"], "DENY (PolicyStatements[0])"),
        (
            ["--decide", "a@example.com", "--tls", "TLS1_3", "--ip", "2001:db8::1"],
            "ALLOW (PolicyStatements[1])",
        ),
        (["--decide", "a@example.com"], "DENY (DefaultAction)"),
        (
            ["--decide", "a@example.com", "--tls", "TLS1_3", "--size", "2 KB"],
            "DENY (larger than MaxMessageSizeBytes)",
        ),
    ],
)
def test_decision_is_one_line(check, arguments, line):
    assert check(json.dumps(DOCUMENT), *arguments) == (line + "\n", 0)


@pytest.mark.parametrize("arguments", [["--ip", "x"], ["--size", "x"], ["--tls", "SSL"]])
def test_wrong_arguments_are_one_clear_line(check, arguments):
    with pytest.raises(CommandError, match="Error: argument"):
        check(json.dumps(DOCUMENT), "--decide", "a@b", *arguments)


def test_file_that_cannot_be_read_is_one_clear_line(check, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("checkpolicy", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="is no UTF-8 text"):
        check(b"\xff\xfe")
