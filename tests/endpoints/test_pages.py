"""The pages of ingress endpoints, by the cast, as a browser without JavaScript uses them."""

import base64
import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from access.actor import system
from core import service_model
from endpoints import services, words
from endpoints.logic.reasons import Reason, ReasonCode
from endpoints.models import EndpointAddress, IngressEndpoint
from policies.models import TrafficPolicy
from resources.services import tags_of
from rulesets.models import RuleSet
from secrets_store.password_hashes import verify_password
from tests.endpoints.conftest import PASSWORD

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


def url(name, *args):
    return reverse(f"endpoints:{name}", args=args)


def page(client, address, data=None, **headers):
    response = client.get(address, data or {}, **headers)
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def first(pattern, html):
    """What the pattern's group matches first."""
    found = re.search(pattern, html, re.DOTALL)
    assert found, pattern
    return found[1]


@pytest.fixture
def wanted(policy, rule_set):
    """What the form of a new endpoint sends."""
    return {
        "name": "inbound",
        "type": "AUTH",
        "tls_policy": "DEFAULT",
        "way": "TYPE",
        "password": PASSWORD,
        "kept_password": "",
        "traffic_policy_id": policy.id,
        "rule_set_id": rule_set.id,
        "tags_key": ["team"],
        "tags_value": ["mail"],
    }


@pytest.fixture
def active(make_endpoint):
    """`active(type="AUTH")`: an endpoint as provisioning leaves it."""

    def make(name="inbound", **fields):
        endpoint = make_endpoint(name, **fields)
        IngressEndpoint.objects.filter(pk=endpoint.pk).update(
            status="ACTIVE", wished_status="ACTIVE", record_label=f"{endpoint.id[-12:]}.abcde"
        )
        number = EndpointAddress.objects.count() + 1
        EndpointAddress.objects.create(address=f"127.64.1.{number}", endpoint=endpoint)
        return services.get(endpoint.id)

    return make


# --- who may ----------------------------------------------------------------------------------------

READING = ["list", "detail", "status"]
WRITING = ["create", "delete_chosen", "edit", "edit_policy", "edit_rule_set", "retry", "delete"]


@pytest.mark.parametrize("name", READING + WRITING)
def test_each_page_opens_for_whom_it_may(active, owner, colleague, stranger, name):
    args = [] if name in ("list", "create", "delete_chosen") else [active().id]
    address = url(name, *args)
    assert stranger.get(address).status_code == 302
    assert "sign-in" in stranger.get(address)["Location"]
    expected = 200 if name in READING else 403
    assert colleague.get(address).status_code == expected
    assert owner.get(address).status_code in (200, 302, 405)


def test_a_viewer_sees_no_way_to_change(active, colleague):
    endpoint = active()
    for address in (url("list"), url("detail", endpoint.id)):
        html = page(colleague, address)
        assert url("create") not in html.replace(url("delete_chosen"), "")
        assert url("edit", endpoint.id) not in html
        assert url("edit_rule_set", endpoint.id) not in html


@pytest.mark.parametrize("name", ["detail", "edit", "edit_policy", "edit_rule_set", "delete"])
def test_an_unknown_endpoint_is_not_found(owner, name):
    assert owner.get(url(name, "inp-none")).status_code == 404


# --- list -------------------------------------------------------------------------------------------


def test_the_list_shows_each_column_and_leads_on(active, owner):
    endpoint = active(type="AUTH")
    html = page(owner, url("list"))
    for shown in (
        "inbound",
        endpoint.id,
        "Authenticated",
        "Active",
        endpoint.a_record,
        "allow-all",
        "keep-all",
    ):
        assert shown in html
    assert f'href="{url("detail", endpoint.id)}"' in html
    assert f'type="radio" name="selected" value="{endpoint.id}"' in html
    assert 'hx-trigger="every 2s"' not in html
    chosen = owner.get(url("delete_chosen"), {"selected": endpoint.id})
    assert chosen["Location"] == url("delete", endpoint.id)


def test_an_empty_list_says_what_ends_it(owner):
    html = page(owner, url("list"))
    assert "No ingress endpoints" in html
    assert f'href="{url("create")}"' in html


def test_the_list_asks_again_while_something_moves(make_endpoint, owner):
    make_endpoint()
    html = page(owner, url("list"))
    assert "Provisioning" in html
    assert 'hx-trigger="every 2s"' in html


def test_a_long_list_takes_no_more_queries(active, owner, django_assert_max_num_queries):
    for number in range(60):
        active(f"endpoint-{number}")
    page(owner, url("list"))
    with django_assert_max_num_queries(8):
        html = page(owner, url("list"), {"q": "endpoint", "size": "50", "sort": "-status"})
    assert html.count('type="radio"') >= 50


# --- create -----------------------------------------------------------------------------------------


def test_what_is_missing_first_is_said_and_linked(owner):
    html = page(owner, url("create"))
    assert f'href="{reverse("policies:create")}?next={url("create")}"' in html
    assert f'href="{reverse("rulesets:create")}?next={url("create")}"' in html
    assert 'name="traffic_policy_id"' not in html
    TrafficPolicy.objects.create(name="a-policy", default_action="ALLOW")
    html = page(owner, url("create"))
    assert f'href="{reverse("policies:create")}?next=' not in html
    assert f'href="{reverse("rulesets:create")}?next=' in html
    RuleSet.objects.create(name="a-rule-set")
    assert 'name="traffic_policy_id"' in page(owner, url("create"))


def test_the_form_offers_types_policies_and_new_tabs(owner, policy, rule_set):
    html = page(owner, url("create"))
    assert "Create new ingress endpoint" in html
    for shown in ("Open", "Authenticated", policy.name, rule_set.name, "Refresh list"):
        assert shown in html
    assert re.search(rf'<a [^>]*href="{reverse("policies:create")}" target="_blank"', html)
    assert re.search(rf'<a [^>]*href="{reverse("rulesets:create")}" target="_blank"', html)


def test_a_typed_password_makes_an_endpoint_and_is_never_shown(owner, wanted):
    response = owner.post(url("create"), wanted)
    endpoint = IngressEndpoint.objects.get()
    assert response["Location"] == url("detail", endpoint.id)
    assert (endpoint.name, endpoint.type, endpoint.tls_policy) == ("inbound", "AUTH", "REQUIRED")
    assert verify_password(endpoint.password_hash, PASSWORD)
    assert tags_of(endpoint.arn) == {"team": "mail"}
    assert PASSWORD not in page(owner, url("detail", endpoint.id))


def test_a_generated_password_is_shown_once(owner, wanted):
    owner.post(url("create"), {**wanted, "way": "GENERATE", "password": ""})
    endpoint = IngressEndpoint.objects.get()
    session = str([stored.get_decoded() for stored in Session.objects.all()])
    html = page(owner, url("detail", endpoint.id))
    password = first(r'id="generated-password">([^<]+)<', html)
    assert verify_password(endpoint.password_hash, password)
    assert password not in session
    assert "generated-password" not in page(owner, url("detail", endpoint.id))


def test_an_open_endpoint_takes_no_password_whatever_its_hidden_fields_say(owner, wanted):
    owner.post(url("create"), {**wanted, "type": "OPEN"})
    endpoint = IngressEndpoint.objects.get()
    assert (endpoint.type, endpoint.tls_policy, endpoint.password_hash) == ("OPEN", "OPTIONAL", "")
    owner.post(url("create"), {**wanted, "type": "OPEN", "name": "other", "password": ""})
    assert IngressEndpoint.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field", "words_of_error"),
    [
        ({"name": "x"}, "name", "3 to 63"),
        ({"name": ""}, "name", "required"),
        ({"password": "short"}, "password", "8 to 64"),
        ({"password": ""}, "password", "required"),
        ({"password": "has spaces in it"}, "password", "8 to 64"),
        ({"type": "PRIVATE"}, "type", "valid choice"),
        ({"tls_policy": "FIPS"}, "tls_policy", "valid choice"),
        ({"traffic_policy_id": ""}, "traffic_policy_id", "required"),
        ({"traffic_policy_id": "tp-gone"}, "traffic_policy_id", "valid choice"),
        ({"rule_set_id": "<script>"}, "rule_set_id", "valid choice"),
        ({"tags_key": ["a", "a"], "tags_value": ["1", "2"]}, "tags", "twice"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(owner, wanted, changes, field, words_of_error):
    html = page_of_post(owner, url("create"), {**wanted, **changes})
    errors = first(rf'id="id_{field}-errors">(.*?)</ul>', html)
    assert words_of_error in errors
    assert not IngressEndpoint.objects.exists()
    if "name" not in changes:
        assert 'value="inbound"' in html
    assert "<script>" not in owner.post(url("create"), {**wanted, **changes}).content.decode()


def page_of_post(client, address, data, **headers):
    response = client.post(address, data, **headers)
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def test_a_taken_name_is_said_beside_it(owner, wanted, make_endpoint):
    make_endpoint("inbound")
    html = page_of_post(owner, url("create"), wanted)
    assert "inbound already" in first(r'id="id_name-errors">(.*?)</ul>', html)


def kept(html):
    found = re.search(r'name="kept_password" value="([^"]+)"', html)
    return found[1] if found else ""


def test_refresh_comes_back_with_the_form_as_it_was_and_the_list_anew(owner, wanted):
    TrafficPolicy.objects.create(name="made-meanwhile", default_action="ALLOW")
    html = page_of_post(owner, url("create"), {**wanted, "_refresh": "traffic_policy_id", "name": "x"})
    assert "made-meanwhile" in html
    assert "errors" not in html
    assert 'value="x"' in html
    assert 'value="team"' in html
    assert re.search(rf'value="{wanted["traffic_policy_id"]}" selected', html)
    assert re.search(r'value="AUTH" checked', html)
    assert not IngressEndpoint.objects.exists()
    # The password is kept, but can't be read from the page.
    assert PASSWORD not in html
    owner.post(url("create"), {**wanted, "password": "", "kept_password": kept(html)})
    assert verify_password(IngressEndpoint.objects.get().password_hash, PASSWORD)


def test_a_typed_password_survives_an_error_elsewhere(owner, wanted):
    html = page_of_post(owner, url("create"), {**wanted, "name": "x"})
    assert PASSWORD not in html
    html = page_of_post(
        owner, url("create"), {**wanted, "name": "y", "password": "", "kept_password": kept(html)}
    )
    owner.post(url("create"), {**wanted, "password": "", "kept_password": kept(html)})
    assert verify_password(IngressEndpoint.objects.get().password_hash, PASSWORD)


def test_a_kept_password_of_ones_own_making_is_none(owner, wanted):
    html = page_of_post(owner, url("create"), {**wanted, "password": "", "kept_password": "forged"})
    assert "8 to 64" in first(r'id="id_password-errors">(.*?)</ul>', html)
    assert not IngressEndpoint.objects.exists()


# --- summary ----------------------------------------------------------------------------------------


def test_the_summary_stands_as_the_walk_says(active, owner):
    endpoint = active(type="AUTH")
    html = page(owner, url("detail", endpoint.id))
    words_shown = text_of(html)
    order = ["General details", "Status", "ARecord", "Rule set", "Traffic policy", "Set up your environment"]
    places = [words_shown.index(word, words_shown.index("General details")) for word in order]
    assert places == sorted(places)
    assert re.search(rf'class="resource-id"><span>{endpoint.id}<', html)
    assert words_shown.index(endpoint.id) < words_shown.index("General details")
    assert endpoint.id in first(r'class="breadcrumbs(.*?)</nav>', html)
    assert f'data-copy="{endpoint.a_record}"' in html
    assert f"IN MX 10 {endpoint.a_record}." in words_shown
    encoded = base64.b64encode(endpoint.id.encode()).decode()
    assert encoded in html
    for line in ("AUTH LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 Authentication successful"):
        assert line in words_shown
    assert "25 ( this installation listens on" in words_shown.replace("25 (this", "25 ( this")
    assert "587" in words_shown
    for name in ("edit", "edit_policy", "edit_rule_set"):
        assert url(name, endpoint.id) in html


def test_public_ports_stand_alone_where_they_are_the_actual_ones(active, owner, settings):
    settings.SMTP_PORT, settings.SUBMISSION_PORT = 25, 587
    words_shown = text_of(page(owner, url("detail", active(type="AUTH").id)))
    assert "25, 587" in words_shown
    assert "this installation listens" not in words_shown


def test_an_open_endpoint_has_no_conversation(active, owner):
    html = page(owner, url("detail", active().id))
    assert "VXNlcm5hbWU6" not in html
    assert "587" not in text_of(html)


def test_authentication_in_the_clear_is_warned_of(active, owner):
    safe = active("safe", type="AUTH")
    clear = active("clear", type="AUTH", tls_policy="OPTIONAL")
    assert "in the clear" not in page(owner, url("detail", safe.id))
    assert "in the clear" in page(owner, url("detail", clear.id))


def test_the_former_password_shows_its_end(active, owner):
    endpoint = active(type="AUTH")
    services.update(system("test"), endpoint.id, password="another-Password")
    assert "the former one is good until" in page(owner, url("detail", endpoint.id))
    IngressEndpoint.objects.update(previous_password_expires_at=timezone.now() - timedelta(days=1))
    assert "the former one is good until" not in page(owner, url("detail", endpoint.id))


def test_the_status_turns_by_itself_and_then_rests(make_endpoint, owner):
    endpoint = make_endpoint()
    html = page(owner, url("detail", endpoint.id))
    assert f'hx-get="{url("status", endpoint.id)}" hx-trigger="every 2s"' in html
    assert "once the endpoint has its ARecord" in html
    fragment = page(owner, url("status", endpoint.id), **HTMX)
    assert "<html" not in fragment
    assert "Provisioning" in fragment
    assert 'hx-trigger="every 2s"' in fragment
    assert "hx-swap-oob" not in fragment
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE", record_label="890123abcdef.ghijk")
    fragment = page(owner, url("status", endpoint.id), **HTMX)
    assert "Active" in fragment
    assert 'hx-trigger="every 2s"' not in fragment
    assert re.findall(r'id="([a-z-]+)" hx-swap-oob="true"', fragment) == [
        "rule-set",
        "traffic-policy",
        "set-up",
    ]
    assert url("edit_rule_set", endpoint.id) in fragment
    assert "890123abcdef.ghijk.mail-manager-smtp.mailmanager.test" in fragment


def test_who_watches_a_deletion_is_led_to_the_list(owner):
    response = owner.get(url("status", "inp-gone"), **HTMX)
    assert response["HX-Redirect"] == url("list")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason(ReasonCode.POOL_UNREADABLE, {"problem": "x"}), "MAILMANAGER_ADDRESS_POOL"),
        (
            Reason(ReasonCode.POOL_EXHAUSTED, {"family": "IPv4", "in_use": "3", "resting": "1"}),
            "No IPv4 address is free: 3 in use, 1 at rest",
        ),
        (
            Reason(ReasonCode.NO_LISTENER, {"address": "127.0.0.9", "port": "2525", "problem": "refused"}),
            "runingress",
        ),
        (
            Reason(ReasonCode.FOREIGN_LISTENER, {"address": "a", "port": "1", "heard": "<b>220</b>"}),
            "Another program",
        ),
    ],
)
def test_a_failure_says_why_and_can_be_retried(make_endpoint, owner, colleague, reason, said):
    endpoint = make_endpoint()
    IngressEndpoint.objects.update(status="FAILED", status_reason=reason.to_text())
    response = owner.get(url("detail", endpoint.id))
    html = response.content.decode()
    assert said in unescape(html)
    assert "<b>220" not in html
    assert url("retry", endpoint.id) in html
    assert url("retry", endpoint.id) not in page(colleague, url("detail", endpoint.id))
    assert owner.get(url("retry", endpoint.id)).status_code == 405
    assert owner.post(url("retry", endpoint.id))["Location"] == url("detail", endpoint.id)
    assert services.get(endpoint.id).status == "PROVISIONING"


@pytest.mark.parametrize("details", [{}, {"address": "127.0.0.9", "port": "2525"}])
def test_a_change_that_does_not_spread_says_so(active, owner, details):
    endpoint = active()
    reason = Reason(ReasonCode.NOT_CONFIRMED, details).to_text()
    IngressEndpoint.objects.update(status="UPDATING", status_reason=reason)
    assert "The change is saved" in page(owner, url("detail", endpoint.id))


@pytest.mark.parametrize("text", ["", "plain", "[]", '"x"', '{"code": "NEW"}', "{}"])
def test_a_reason_that_nobody_of_ours_wrote_is_none(text):
    assert words.reason(IngressEndpoint(status_reason=text)) == ""


def test_the_api_representation_has_the_service_models_shape(active):

    endpoint = active(type="AUTH")
    services.update(system("test"), endpoint.id, password="another-Password")
    document = words.api_representation(services.get(endpoint.id))
    assert service_model.problems("GetIngressPointResponse", document) == []
    assert "argon2" not in str(document)
    assert "SmtpPassword=PASSWORD" in words.cli_command(endpoint)


# --- edit -------------------------------------------------------------------------------------------


def test_general_details_are_edited(active, owner):
    endpoint = active(type="AUTH")
    html = page(owner, url("edit", endpoint.id))
    assert re.search(r'name="status" value="ACTIVE" checked', html)
    assert re.search(r'name="way" value="KEEP" checked', html)
    sent = {
        "name": "renamed",
        "status": "CLOSED",
        "tls_policy": "OPTIONAL",
        "way": "KEEP",
        "password": "",
    }
    assert owner.post(url("edit", endpoint.id), sent)["Location"] == url("detail", endpoint.id)
    saved = services.get(endpoint.id)
    assert (saved.name, saved.wished_status, saved.tls_policy) == ("renamed", "CLOSED", "OPTIONAL")
    assert (saved.status, saved.password_version) == ("UPDATING", 1)


def test_a_password_is_changed_typed_or_generated(active, owner):
    endpoint = active(type="AUTH")
    sent = {"name": "inbound", "status": "ACTIVE", "tls_policy": "REQUIRED"}
    owner.post(url("edit", endpoint.id), {**sent, "way": "TYPE", "password": "another-Password"})
    assert verify_password(services.get(endpoint.id).password_hash, "another-Password")
    owner.post(url("edit", endpoint.id), {**sent, "way": "GENERATE", "password": ""})
    html = page(owner, url("detail", endpoint.id))
    password = first(r'id="generated-password">([^<]+)<', html)
    assert verify_password(services.get(endpoint.id).password_hash, password)
    html = page_of_post(owner, url("edit", endpoint.id), {**sent, "way": "TYPE", "password": ""})
    assert "id_password-errors" in html


def test_an_open_endpoint_has_no_password_to_edit_and_a_failed_one_no_status(active, owner):
    endpoint = active()
    assert 'name="way"' not in page(owner, url("edit", endpoint.id))
    IngressEndpoint.objects.update(status="FAILED", wished_status="PROVISIONING")
    html = page(owner, url("edit", endpoint.id))
    assert 'name="status"' not in html
    assert (
        owner.post(url("edit", endpoint.id), {"name": "other", "tls_policy": "REQUIRED"}).status_code == 302
    )
    assert services.get(endpoint.id).name == "other"


def test_a_change_while_it_moves_is_refused_in_words(make_endpoint, owner):
    endpoint = make_endpoint()
    sent = {"name": "other", "status": "ACTIVE", "tls_policy": "REQUIRED"}
    html = page_of_post(owner, url("edit", endpoint.id), sent)
    assert "Provisioning" in html
    assert services.get(endpoint.id).name == "inbound"


@pytest.mark.parametrize(
    ("name", "field", "model"),
    [("edit_policy", "traffic_policy_id", TrafficPolicy), ("edit_rule_set", "rule_set_id", RuleSet)],
)
def test_another_policy_or_rule_set_is_chosen(active, owner, name, field, model):
    endpoint = active()
    other = model.objects.create(name="another-one")
    html = page_of_post(owner, url(name, endpoint.id), {field: other.id, "_refresh": field})
    assert re.search(rf'value="{other.id}" selected', html)
    assert getattr(services.get(endpoint.id), field) != other.id
    assert page_of_post(owner, url(name, endpoint.id), {field: "gone"}).count("valid choice") == 1
    assert owner.post(url(name, endpoint.id), {field: other.id})["Location"] == url("detail", endpoint.id)
    assert getattr(services.get(endpoint.id), field) == other.id


# --- delete -----------------------------------------------------------------------------------------


def test_deleting_asks_for_the_name(active, owner):
    endpoint = active()
    html = page(owner, url("delete", endpoint.id))
    assert endpoint.a_record in html
    html = page_of_post(owner, url("delete", endpoint.id), {"confirmation": "inboun"})
    assert services.get(endpoint.id).status == "ACTIVE"
    assert owner.post(url("delete", endpoint.id), {"confirmation": "inbound"})["Location"] == url("list")
    assert services.get(endpoint.id).status == "DEPROVISIONING"
    assert "Deprovisioning" in page(owner, url("list"))


# --- a domain's MX ----------------------------------------------------------------------------------


@pytest.fixture
def resolver(zone, settings):
    settings.RESOLVER = f"{zone.host}:{zone.port}"
    return zone


@pytest.mark.parametrize(
    ("records", "told_so"),
    [
        (["10 {host}."], ("comes here.", ["10 {host} THIS"])),
        (["10 {HOST}."], ("comes here.", ["10 {HOST} THIS"])),
        (["10 alias.example."], ("comes here.", ["10 alias.example THIS"])),
        (
            ["20 {host}.", "10 other.example."],
            ("only when another host is away", ["10 other.example", "20 {host} THIS"]),
        ),
        (["10 {host}.", "20 other.example."], ("comes here.", ["20 other.example"])),
        (["10 other.example."], ("goes elsewhere", ["10 other.example"])),
        (["0 ."], ("takes no mail", [])),
    ],
)
def test_a_domains_mx_is_checked(active, owner, resolver, records, told_so):
    said, found = told_so
    endpoint = active()
    hosts = {"host": endpoint.a_record, "HOST": endpoint.a_record.upper()}
    resolver.add("corp.example", "MX", *[record.format(**hosts) for record in records])
    resolver.add("alias.example", "A", endpoint.addresses.get().address)
    resolver.add("other.example", "A", "192.0.2.9")
    told = text_of(page(owner, url("detail", endpoint.id), {"domain": "corp.example"}))
    told = told.replace("– this endpoint", "THIS")  # noqa: RUF001
    assert said in told
    for line in found:
        assert re.sub(r"\s", "", line.format(**hosts)) in re.sub(r"\s", "", told)


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("nothing.example", "nothing.example does not exist."),
        ("bare.example", "bare.example has no MX record."),
        ("broken.example", "gave no answer about broken.example"),
        ("a..b", "is not a domain name"),
        ("x" * 64 + ".example", "is not a domain name"),
        ("<script>alert(1)</script>", "does not exist"),
        ("", "This field is required."),
    ],
)
def test_what_can_go_wrong_with_a_domain_is_said(active, owner, resolver, domain, said):
    resolver.add("bare.example", "A", "192.0.2.9")
    resolver.fail("broken.example")
    response = owner.get(url("detail", active().id), {"domain": domain})
    assert said in text_of(unescape(response.content.decode()))
    assert "<script>alert" not in response.content.decode()


# --- admin ------------------------------------------------------------------------------------------


def test_the_admin_shows_and_deletes_through_the_service(active, owner):
    endpoint = active()
    for address in (
        reverse("admin:endpoints_ingressendpoint_changelist"),
        reverse("admin:endpoints_ingressendpoint_change", args=[endpoint.id]),
        reverse("admin:endpoints_endpointaddress_changelist"),
    ):
        assert "127.64.1.1" in page(owner, address) or endpoint.id in page(owner, address)
    assert owner.get(reverse("admin:endpoints_ingressendpoint_add")).status_code == 403
    address = reverse("admin:endpoints_ingressendpoint_delete", args=[endpoint.id])
    assert owner.get(address).status_code == 200
    assert owner.post(address, {"post": "yes"}).status_code == 302
    assert services.get(endpoint.id).status == "DEPROVISIONING"
