"""Rule sets in Django admin and on the command line."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from access.models import AuditEntry, User
from resources.services import set_references
from rulesets import services
from rulesets.models import RuleSet
from tests.rulesets.documents import DROP, MAIL, add_header, mailbox, recipient, relay, rule, rules, text, tls

# --- admin ----------------------------------------------------------------------------------------


@pytest.fixture
def admin(db):
    client = Client()
    client.force_login(User.objects.create_superuser("root", role="administrator"))
    return client


@pytest.fixture
def stored(db, actor):
    return services.create(actor, name="inbound", rules=[rule(DROP, when=recipient("trap@y.example"))])


def test_admin_lists_filters_and_finds(admin, stored):
    for query in ({}, {"q": "inb"}, {"o": "4"}):
        assert stored.id in admin.get("/admin/rulesets/ruleset/", query).content.decode()
    assert stored.id not in admin.get("/admin/rulesets/ruleset/", {"q": "none"}).content.decode()
    assert "trap@y.example" in admin.get(f"/admin/rulesets/ruleset/{stored.id}/change/").content.decode()


def test_admin_changes_nothing_past_the_services(admin, stored):
    assert admin.get("/admin/rulesets/ruleset/add/").status_code == 403
    change = {"name": "x", "rules": "[]"}
    assert admin.post(f"/admin/rulesets/ruleset/{stored.id}/change/", change).status_code == 403
    assert RuleSet.objects.get().rules


@pytest.mark.parametrize("is_chosen_in_list", [True, False])
def test_admin_deletes_as_the_console_does(admin, stored, is_chosen_in_list):
    if is_chosen_in_list:
        chosen = {"action": "delete_selected", "_selected_action": [stored.id], "post": "yes"}
        admin.post("/admin/rulesets/ruleset/", chosen)
    else:
        admin.post(f"/admin/rulesets/ruleset/{stored.id}/delete/", {"post": "yes"})
    assert not RuleSet.objects.exists()
    assert AuditEntry.objects.get(action="rulesets.delete").actor == "root"


def test_admin_keeps_what_is_in_use(admin, stored):
    set_references("arn:aws:ses:x:1:mailmanager-ingress-point/inp-1", "reception", [stored.arn])
    html = admin.post(f"/admin/rulesets/ruleset/{stored.id}/delete/", {"post": "yes"}).content.decode()
    assert "reception" in html
    assert RuleSet.objects.exists()


# --- checkruleset ---------------------------------------------------------------------------------

SOUND = rules(
    rule(DROP, when=text("FROM", "ENDS_WITH", "@spam.example")),
    rule(add_header(), mailbox(), when=recipient("bob@y.example"), unless=tls("IS_FALSE")),
    rule(relay(), when=recipient("eve@y.example")),
)


@pytest.fixture
def check(tmp_path):
    """`check(text, *arguments)`: the lines that the command writes, and its exit status."""

    def run(content, *arguments):
        path = tmp_path / "rules.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        try:
            call_command("checkruleset", str(path), *arguments, stdout=out)
        except SystemExit as error:
            return out.getvalue().replace(str(path), "FILE"), error.code
        return out.getvalue().replace(str(path), "FILE"), 0

    return run


def test_good_document_passes(check):
    document = json.dumps(rules(rule(mailbox())))
    assert check(document) == ("FILE: no problems\n", 0)
    assert check(b"\xef\xbb\xbf" + document.encode()) == ("FILE: no problems\n", 0)


def test_doubts_are_told_and_no_failure(check):
    written, status = check(json.dumps(SOUND, indent=1))
    assert status == 0
    assert written.startswith("FILE:2: warning: Rules: Mail can reach the end")


def test_every_problem_has_a_line_and_the_exit_status_is_one(check):
    archive = {"Archive": {"TargetArchive": "a"}}
    written, status = check(json.dumps({"Rules": [{"Actions": [DROP, archive]}], "Name": 1}, indent=1))
    assert status == 1
    assert "FILE:9: Rules[0].Actions[1].Archive: the action Archive is not available yet" in written
    assert "Name: is not known here" in written


@pytest.mark.parametrize(
    "content", ["", "{", "null", "[]", "{}", "[" * 100_000, '"\\ud800"', '{"Rules": 1e999}']
)
def test_no_rule_set_at_all_is_one_line(check, content):
    written, status = check(content)
    assert status == 1
    assert written.startswith("FILE:1: ")
    assert written.count("\n") == 1


def test_a_message_is_told_its_way(check, tmp_path):
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)
    told, status = check(
        json.dumps(SOUND),
        "--message",
        str(mail),
        "--to",
        "bob@y.example",
        "eve@y.example",
        "x@y.example",
        "--tls",
        "TLS1_3",
    )
    assert status == 0
    assert told.splitlines()[1:] == [
        "Rules[1].Actions[1] DeliverToMailbox: bob@y.example",
        "Rules[2].Actions[0] Relay: eve@y.example",
        "unhandled: x@y.example",
    ]
    mail.write_bytes(b"From: <a@spam.example>\r\n\r\n")
    told, status = check(json.dumps(SOUND), "--message", str(mail), "--to", "bob@y.example")
    assert told.splitlines()[1:] == ["dropped: bob@y.example"]


def test_standard_input_is_read(monkeypatch):
    content = json.dumps(rules(rule(DROP))).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    out = io.StringIO()
    call_command("checkruleset", "-", stdout=out)
    assert out.getvalue() == "-: no problems\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["/nowhere/rules.json"], "No such file"),
        (["-", "--message", "x"], "needs recipients"),
        (["-", "--ip", "nowhere"], "no IP address"),
    ],
)
def test_wrong_arguments_are_one_clear_line(arguments, line):
    with pytest.raises(CommandError, match=line):
        call_command("checkruleset", *arguments)


def test_a_file_that_is_no_text_is_said(check):
    with pytest.raises(CommandError, match="no UTF-8"):
        check(b"\xff\xfe")
