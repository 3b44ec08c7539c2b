"""The pages of traffic policies, by the cast, as a browser without JavaScript uses them."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from django.urls import reverse

import endpoints.services
from core.errors import Conflict
from endpoints.models import IngressEndpoint
from policies import services
from policies.models import TrafficPolicy
from resources.models import DocumentVersion
from resources.services import tags_of
from rulesets.models import RuleSet
from tests.policies.documents import allow, deny, ipv4, ipv6, policy, recipient, tls

pytestmark = pytest.mark.django_db

DOCUMENT = policy(
    "DENY",
    deny(recipient("EQUALS", "trap@example.com", "<b>@example.com"), ipv6("2001:db8::/32")),
    allow(ipv4("192.0.2.0/24"), tls("MINIMUM_TLS_VERSION", "TLS1_3")),
    size=25 * 1024 * 1024,
)
CREATE = {
    "as": "form",
    "name": "inbound",
    "default_action": "DENY",
    "max_message_size_bytes": "25 MB",
    "tags_key": ["team"],
    "tags_value": ["mail"],
    "statements-0-action": "DENY",
    "statements-0-conditions-0-property": "RECIPIENT",
    "statements-0-conditions-0-operator": "EQUALS",
    "statements-0-conditions-0-values": "trap@example.com\n<b>@example.com\n",
    "statements-0-conditions-1-property": "SENDER_IPV6",
    "statements-0-conditions-1-operator": "CIDR_MATCHES",
    "statements-0-conditions-1-values": "2001:db8::/32",
    "statements-1-action": "ALLOW",
    "statements-1-conditions-0-property": "SENDER_IP",
    "statements-1-conditions-0-operator": "CIDR_MATCHES",
    "statements-1-conditions-0-values": "192.0.2.0/24",
    "statements-1-conditions-1-property": "TLS_PROTOCOL",
    "statements-1-conditions-1-operator": "MINIMUM_TLS_VERSION",
    "statements-1-conditions-1-values": "TLS1_3",
}


@pytest.fixture
def stored(actor):
    return services.create(
        actor,
        name="inbound",
        default_action=DOCUMENT["DefaultAction"],
        statements=DOCUMENT["PolicyStatements"],
        max_message_size_bytes=DOCUMENT["MaxMessageSizeBytes"],
    )


def url(name, *args):
    return reverse(f"policies:{name}", args=args)


def page(client, address, **data):
    response = client.get(address, data)
    assert response.status_code == 200
    return unescape(response.content.decode())


def typed_again(response):
    """What a browser would send of the page's form, were it submitted as it stands."""
    html = response.content.decode()
    form = html[html.index('name="as"') - 200 :]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = (re.search(rf'\b{part}="([^"]*)"', tag) for part in ("name", "value"))
        if name and ('type="radio"' not in tag or " checked" in tag):
            sent.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        sent[name] = [unescape(text)]
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)"\s+selected', options)
        sent[name] = (chosen or re.findall(r'<option value="([^"]*)"', options))[:1]
    return sent


# --- the cast -------------------------------------------------------------------------------------


def test_everybody_signed_in_reads_and_only_some_may_write(owner, operator, colleague, stranger, stored):
    reading = [url("list"), url("detail", stored.id)]
    writing = [url("create"), url("edit", stored.id), url("delete", stored.id)]
    for address in reading + writing:
        assert owner.get(address).status_code == 200
        assert operator.get(address).status_code == 200
        assert stranger.get(address).status_code == 302
        assert colleague.get(address).status_code == (200 if address in reading else 403)
    for address in [*writing, url("restore", stored.id), url("check")]:
        assert colleague.post(address, CREATE).status_code == 403
        assert stranger.post(address, CREATE).status_code == 302
    assert TrafficPolicy.objects.get().document == DOCUMENT


def test_who_may_only_read_sees_no_buttons_that_write(colleague, stored):
    assert url("create") not in page(colleague, url("list"))
    assert url("edit", stored.id) not in page(colleague, url("detail", stored.id))


def test_unknown_policy_is_a_page_that_says_so(owner):
    for name in ("detail", "edit", "delete"):
        response = owner.get(url(name, "tp-none"))
        assert response.status_code == 404
        assert "tp-none" in response.content.decode()


# --- list -----------------------------------------------------------------------------------------


def test_empty_list_offers_the_first_policy(owner):
    html = page(owner, url("list"))
    assert "No traffic policies" in html
    assert url("create") in html


def test_list_takes_the_same_queries_for_one_row_and_for_fifty(owner, stored, django_assert_max_num_queries):
    page(owner, url("list"), size=50)  # kept in the session from here on
    with django_assert_max_num_queries(8) as few:
        page(owner, url("list"))
    TrafficPolicy.objects.bulk_create(
        TrafficPolicy(
            id=f"tp-{n:024}",
            name=f"policy-{n}",
            default_action="ALLOW",
            statements=DOCUMENT["PolicyStatements"],
        )
        for n in range(50)
    )
    with django_assert_max_num_queries(8) as many:
        page(owner, url("list"))
    assert len(many) == len(few)


def test_list_shows_how_many_endpoints_use_a_policy(owner, stored):
    rule_set = RuleSet.objects.create(name="rules")
    for name in ("one", "two", "three"):
        IngressEndpoint.objects.create(
            name=name, type="OPEN", tls_policy="OPTIONAL", traffic_policy=stored, rule_set=rule_set
        )
    response = owner.get(url("list"))
    (row,) = response.context["listing"].rows
    assert [cell.value for cell in row.cells][2:] == ["Deny", "2", "25 MB", "3"]


def test_chosen_row_leads_to_its_page(owner, stored):
    assert owner.get(url("delete_chosen"), {"selected": stored.id}).url == url("delete", stored.id)
    assert owner.get(url("edit_chosen"), {"selected": stored.id}).url == url("edit", stored.id)
    assert owner.get(url("edit_chosen")).url == url("list")


# --- create ---------------------------------------------------------------------------------------


def test_policy_is_made_by_the_form(owner):
    response = owner.post(url("create"), CREATE)
    made = TrafficPolicy.objects.get()
    assert response.url == url("detail", made.id)
    assert made.document == DOCUMENT
    assert tags_of(made.arn) == {"team": "mail"}


def test_who_was_sent_here_for_a_policy_goes_back(owner):
    response = owner.post(url("create") + "?next=/ingress-endpoints/create", CREATE)
    assert response.url == "/ingress-endpoints/create"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http:///evil.example"]
)
def test_nobody_is_sent_to_another_site(owner, target):
    assert owner.get(url("create"), {"next": target}).context["cancel_url"] == url("list")
    response = owner.post(url("create") + f"?next={target}", CREATE)
    assert response.url == url("detail", TrafficPolicy.objects.get().id)


def test_what_is_wrong_stands_beside_its_field_and_everything_typed_stays(owner, stored):
    wrong = CREATE | {
        "statements-0-conditions-1-values": "2001:db8::/32\n10.0.0.0/8",
        "statements-1-conditions-0-values": "192.0.2.7/24",
        "max_message_size_bytes": "large",
    }
    response = owner.post(url("create"), wrong)
    assert response.status_code == 200
    html = unescape(response.content.decode())
    assert "Write a size like 25 MB" in html
    sent = typed_again(response)
    assert sent["statements-0-conditions-0-values"] == ["trap@example.com\n<b>@example.com\n"]
    assert sent["max_message_size_bytes"] == ["large"]

    response = owner.post(url("create"), wrong | {"max_message_size_bytes": "1"})
    html = unescape(response.content.decode())
    assert "“10.0.0.0/8” is an IPv4 range; this takes IPv6" in html
    assert "did you mean 192.0.2.0/24" in html
    assert TrafficPolicy.objects.count() == 1


def test_taken_name_is_refused_beside_the_name(owner, stored):
    response = owner.post(url("create"), CREATE)
    assert response.context["draft"].form.errors["name"] == [
        "There is a traffic policy named inbound already."
    ]


def test_condition_without_values_is_told_in_its_row(owner):
    response = owner.post(url("create"), CREATE | {"statements-1-conditions-0-values": ""})
    assert "Enter at least one value." in response.content.decode()
    assert not TrafficPolicy.objects.exists()


def test_quota_is_told_above_the_form(owner, settings, stored):
    settings.MAX_TRAFFIC_POLICIES = 1
    response = owner.post(url("create"), CREATE | {"name": "second"})
    assert "MAILMANAGER_MAX_TRAFFIC_POLICIES" in response.content.decode()


# --- the editor without JavaScript ----------------------------------------------------------------


def press(client, sent, button):
    """Press a button of the form; what the next press would send."""
    response = client.post(url("create"), {**sent, "editor": button})
    assert response.status_code == 200
    assert not TrafficPolicy.objects.exists()
    return typed_again(response)


def test_policy_is_built_button_by_button(owner):
    sent = typed_again(owner.get(url("create")))
    assert not any(name.startswith("statements") for name in sent)
    sent = press(owner, sent, "statements:add")
    sent["statements-0-conditions-0-values"] = ["later@example.com"]
    sent = press(owner, sent, "statements:add")
    sent["statements-1-conditions-0-values"] = ["192.0.2.0/24"]
    sent["statements-1-conditions-0-property"] = ["SENDER_IP"]
    sent = press(owner, sent, "statements-1-conditions:refresh")
    assert sent["statements-1-conditions-0-operator"] == ["CIDR_MATCHES"]
    assert sent["statements-1-conditions-0-values"] == ["192.0.2.0/24"]
    sent = press(owner, sent, "statements-1-conditions:add")
    sent["statements-1-conditions-1-values"] = ["a@example.com"]
    sent = press(owner, sent, "statements-1-conditions:add")
    sent = press(owner, sent, "statements-1-conditions:remove:2")
    sent = press(owner, sent, "statements:up:1")
    sent = press(owner, sent, "statements:add")
    sent = press(owner, sent, "statements:remove:2")
    sent["name"] = ["built"]
    assert owner.post(url("create"), sent).status_code == 302
    assert TrafficPolicy.objects.get().document == policy(
        "ALLOW",
        deny(ipv4("192.0.2.0/24"), recipient("EQUALS", "a@example.com")),
        deny(recipient("EQUALS", "later@example.com")),
    )


def test_button_of_the_editor_complains_of_nothing_yet(owner):
    response = owner.post(url("create"), {"as": "form", "name": "", "editor": "statements:add"})
    html = response.content.decode()
    assert "This field is required" not in html
    assert "Nothing was saved" not in html


def test_statements_stop_at_the_limit(owner, settings):
    settings.MAX_POLICY_STATEMENTS = 2
    sent = typed_again(owner.get(url("create")))
    for _ in range(3):
        sent = press(owner, sent, "statements:add")
    assert [name for name in sent if name.endswith("-action") and name != "default_action"] == [
        "statements-0-action",
        "statements-1-action",
    ]


def test_statement_without_conditions_says_so(owner):
    response = owner.post(
        url("create"),
        {"as": "form", "name": "abc", "default_action": "ALLOW", "statements-0-action": "ALLOW"},
    )
    assert "Add at least one condition" in response.content.decode()


@pytest.mark.parametrize(
    "button",
    ["statements:up:0", "statements:down:1", "statements:remove:77", "statements:up", "x:y:1", "<b>"],
)
def test_button_that_leads_nowhere_changes_nothing(owner, button):
    sent = typed_again(owner.post(url("create"), {**CREATE, "editor": "statements-9-conditions:add"}))
    if button == "<b>":
        assert (
            owner.post(url("create"), {**sent, "editor": button}).status_code == 302
        )  # not one of ours: saved
        return
    again = press(owner, sent, button)
    assert {k: v for k, v in again.items() if k.startswith("statements")} == {
        k: v for k, v in sent.items() if k.startswith("statements")
    }


def test_htmx_gets_the_page_that_it_takes_the_editor_from(owner):
    response = owner.post(
        url("create"), {**CREATE, "editor": "statements-0-conditions:add"}, headers={"HX-Request": "true"}
    )
    html = response.content.decode()
    assert 'id="statements-0-conditions-editor"' in html
    assert "statements-0-conditions-2-property" in html
    assert "HX-Request" in response["Vary"]


# --- JSON -----------------------------------------------------------------------------------------


def test_form_goes_over_to_json_and_back_with_everything_typed(owner):
    sent = press(owner, CREATE, "document:json")
    assert sent["as"] == ["json"]
    assert json.loads(sent["document"][0]) == DOCUMENT
    assert sent["name"] == ["inbound"]
    assert "team" in sent["tags_key"]
    sent = press(owner, sent, "document:form")
    assert sent["as"] == ["form"]
    assert sent["max_message_size_bytes"] == ["25 MB"]
    assert owner.post(url("create"), sent).status_code == 302
    made = TrafficPolicy.objects.get()
    assert made.document == DOCUMENT
    assert tags_of(made.arn) == {"team": "mail"}


def test_policy_is_made_by_json(owner):
    response = owner.post(url("create"), {"as": "json", "name": "inbound", "document": json.dumps(DOCUMENT)})
    assert response.status_code == 302
    assert TrafficPolicy.objects.get().document == DOCUMENT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Line 1"),
        ("[]", "must be an object"),
        (
            '{"DefaultAction": "ALLOW",\n"PolicyStatements": [{"Action": "DENY"}]}',
            "Line 2 · PolicyStatements[0].Conditions: is required",
        ),
        ('{"DefaultAction": "PERHAPS"}', "must be one of ALLOW, DENY"),
        ('{"DefaultAction": "ALLOW", "DefaultAction": "DENY"}', "is there twice"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"DefaultAction": "ALLOW", "MaxMessageSizeBytes": ' + "9" * 10_000 + "}", "Line 1"),
        ('"<script>alert(1)</script>"', "must be an object"),
        ("<script>alert(1)</script>", "Line 1"),
        (
            json.dumps(
                policy(
                    "ALLOW",
                    deny(
                        {
                            "BooleanExpression": {
                                "Evaluate": {
                                    "IsInAddressList": {"Attribute": "RECIPIENT", "AddressLists": ["x"]}
                                },
                                "Operator": "IS_TRUE",
                            }
                        }
                    ),
                )
            ),
            "There is no address list x.",
        ),
    ],
)
@pytest.mark.parametrize("button", [{}, {"editor": "document:form"}])
def test_wrong_json_is_told_with_its_line_and_stays(owner, text, message, button):
    response = owner.post(url("create"), {"as": "json", "name": "inbound", "document": text, **button})
    assert response.status_code == 200
    assert message in unescape(response.content.decode())
    assert "<script>alert(1)" not in response.content.decode()
    assert typed_again(response)["document"] == [text]
    assert not TrafficPolicy.objects.exists()


def test_json_is_checked_as_one_types(owner):
    response = owner.post(url("check"), {"document": '{"DefaultAction": "ALLOW",\n"x": 1}'})
    assert 'data-line="2"' in response.content.decode()


def test_service_refusals_of_json_stand_beside_the_editor(owner, stored):
    response = owner.post(
        url("create"), {"as": "json", "name": "inbound", "document": '{"DefaultAction": "ALLOW"}'}
    )
    assert "already" in response.context["draft"].form.errors["name"][0]


# --- edit, restore, delete ------------------------------------------------------------------------


def test_edit_shows_what_is_stored_and_saving_it_changes_nothing(owner, stored):
    for mode in ("form", "json"):
        sent = typed_again(owner.get(url("edit", stored.id), {"as": mode}))
        assert owner.post(url("edit", stored.id), sent).url == url("detail", stored.id)
    stored.refresh_from_db()
    assert stored.document == DOCUMENT
    assert DocumentVersion.objects.count() == 1


def test_edit_saves_what_was_changed(owner, stored):
    sent = typed_again(owner.get(url("edit", stored.id)))
    sent |= {"name": ["outside"], "max_message_size_bytes": [""], "statements-0-action": ["ALLOW"]}
    owner.post(url("edit", stored.id), sent)
    stored.refresh_from_db()
    assert stored.name == "outside"
    assert stored.max_message_size_bytes is None
    assert stored.statements[0]["Action"] == "ALLOW"


@pytest.mark.parametrize("mode", ["form", "json"])
def test_change_of_another_person_is_not_lost_unseen(owner, actor, stored, mode):
    sent = typed_again(owner.get(url("edit", stored.id), {"as": mode})) | {"name": ["mine"]}
    services.update(replace(actor, name="ann"), stored.id, default_action="ALLOW")
    sent = typed_again(
        owner.post(url("edit", stored.id), {**sent, "editor": "statements:none"})
    )  # a button between
    response = owner.post(url("edit", stored.id), sent)
    assert "ann saved version 2 in the meantime. Save again to replace it." in response.content.decode()
    stored.refresh_from_db()
    assert (stored.name, stored.default_action) == ("inbound", "ALLOW")
    assert owner.post(url("edit", stored.id), typed_again(response)).status_code == 302
    stored.refresh_from_db()
    assert (stored.name, stored.default_action) == ("mine", "DENY")


def test_version_is_restored(owner, actor, stored):
    services.update(actor, stored.id, statements=[])
    assert url("restore", stored.id) in page(owner, url("detail", stored.id))
    owner.post(url("restore", stored.id), {"number": "1"})
    stored.refresh_from_db()
    assert stored.document == DOCUMENT
    for number in ("", "9", "x", "²", "1" * 30):
        assert owner.post(url("restore", stored.id), {"number": number}).status_code == 404
    assert owner.get(url("restore", stored.id)).status_code == 405


def test_newest_version_is_not_offered_to_be_restored(owner, stored):
    assert url("restore", stored.id) not in page(owner, url("detail", stored.id))


def test_delete_asks_for_the_name(owner, stored):
    assert owner.post(url("delete", stored.id), {"confirmation": "other"}).status_code == 200
    assert TrafficPolicy.objects.exists()
    assert owner.post(url("delete", stored.id), {"confirmation": "inbound"}).url == url("list")
    assert not TrafficPolicy.objects.exists()


def test_policy_in_use_is_not_deleted_and_its_users_are_named(owner, actor, stored):
    rule_set = RuleSet.objects.create(name="rules")
    endpoints.services.create(
        actor, name="reception", type="OPEN", traffic_policy_id=stored.id, rule_set_id=rule_set.id
    )
    assert "reception" in page(owner, url("delete", stored.id))
    owner.post(url("delete", stored.id), {"confirmation": "inbound"})
    assert TrafficPolicy.objects.exists()
    with pytest.raises(Conflict):
        services.delete(actor, stored.id)


# --- summary --------------------------------------------------------------------------------------


def test_summary_tells_the_policy_in_words_as_json_and_as_command(owner, stored):
    html = page(owner, url("detail", stored.id))
    for text in (stored.id, stored.arn, "Sender IP range (IPv4)", "is at least", "TLS 1.3", "25 MB"):
        assert text in html
    assert "aws mailmanager create-traffic-policy" in html
    assert "TrafficPolicyName" in html


@pytest.mark.parametrize(
    ("asked", "verdict", "reason"),
    [
        ({"recipient": "TRAP@example.com", "peer": "2001:db8::1"}, "Deny", "Statement 1 holds."),
        ({"recipient": "a@example.com", "peer": "192.0.2.9", "tls": "TLS1_3"}, "Allow", "Statement 2 holds."),
        ({"recipient": "a@example.com", "peer": "192.0.2.9"}, "Deny", "No statement holds"),
        (
            {"recipient": "a@example.com", "peer": "192.0.2.9", "tls": "TLS1_3", "size": "26 MB"},
            "Deny",
            "larger than 25 MB",
        ),
    ],
)
def test_trial_says_what_is_decided_and_why(colleague, stored, asked, verdict, reason):
    response = colleague.get(url("detail", stored.id), asked)
    decision = response.context["decision"]
    assert str(decision.look.label) == verdict
    assert reason in decision.reason
    assert reason in response.content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        {"recipient": "", "peer": "192.0.2.9"},
        {"recipient": "a@example.com", "peer": "example.com"},
        {"recipient": "a@example.com", "peer": "192.0.2.9", "tls": "SSL"},
        {"recipient": "a" * 400, "peer": "192.0.2.9"},
        {"recipient": "<script>alert(1)</script>", "peer": "<script>", "size": "<script>"},
    ],
)
def test_trial_of_nonsense_is_told(owner, stored, asked):
    response = owner.get(url("detail", stored.id), asked)
    assert response.status_code == 200
    assert response.context["decision"] is None
    assert "<script>alert(1)" not in response.content.decode()


# --- hostile input --------------------------------------------------------------------------------


def test_markup_in_values_and_tags_is_text(owner):
    evil = '"><script>alert(1)</script>{{ settings }}'
    owner.post(
        url("create"),
        CREATE | {"statements-0-conditions-0-values": evil, "tags_key": ["k"], "tags_value": ["<i>"]},
    )
    made = TrafficPolicy.objects.get()
    assert made.statements[0]["Conditions"][0]["StringExpression"]["Values"] == [evil]
    for address in (url("detail", made.id), url("edit", made.id), url("edit", made.id) + "?as=json"):
        assert "<script>alert(1)" not in owner.get(address).content.decode()


def test_ten_thousand_values_are_stored_shown_and_edited(owner):
    values = [f"someone{n}@example.com" for n in range(10_000)]
    owner.post(url("create"), CREATE | {"statements-0-conditions-0-values": "\r\n".join(values)})
    made = TrafficPolicy.objects.get()
    assert made.statements[0]["Conditions"][0]["StringExpression"]["Values"] == values
    assert "or 9980 more" in page(owner, url("detail", made.id))
    assert "someone9999@example.com" in page(owner, url("edit", made.id))


def test_thousands_of_wrong_values_are_told_in_a_few_lines(owner):
    response = owner.post(url("create"), CREATE | {"statements-0-conditions-1-values": "x\n" * 10_000})
    assert response.content.decode().count("is not an IP range") == 5


def test_more_fields_than_a_form_can_have_are_refused(owner):
    flood = {f"statements-{n}-action": "DENY" for n in range(5_000)}
    assert owner.post(url("create"), CREATE | flood).status_code == 400
    assert not TrafficPolicy.objects.exists()


def test_control_characters_are_told_not_stored(owner):
    response = owner.post(
        url("create"), CREATE | {"statements-0-conditions-0-values": "a\0b@example.com", "name": "abc"}
    )
    assert "control character" in response.content.decode()
    assert not TrafficPolicy.objects.exists()
