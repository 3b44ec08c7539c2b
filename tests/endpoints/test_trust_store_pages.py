"""The pages of mTLS endpoints' trust stores, by the cast, as a browser without JavaScript uses them."""

from html import unescape

import pytest
from django.urls import reverse

from endpoints import services, trust_stores
from endpoints.models import IngressEndpoint
from tests.servers.certificates import DAY, authority, bundle, crl_of, issued, pem_of

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"endpoints:{name}", args=args)


def page(client, address, data=None, **headers):
    response = client.post(address, data) if data else client.get(address, **headers)
    assert response.status_code == 200, response
    return unescape(response.content.decode())


@pytest.fixture
def wanted(policy, rule_set, ca):
    """What the form of a new endpoint sends, line ends as browsers send them."""
    return {
        "name": "partners",
        "type": "MTLS",
        "tls_policy": "OPTIONAL",
        "way": "TYPE",
        "password": "",
        "ca_content": pem_of(ca).replace("\n", "\r\n"),
        "crl_content": "",
        "traffic_policy_id": policy.id,
        "rule_set_id": rule_set.id,
    }


@pytest.fixture
def active(make_endpoint):
    def make(**fields):
        endpoint = make_endpoint("partners", **fields)
        IngressEndpoint.objects.filter(pk=endpoint.pk).update(
            status="ACTIVE", wished_status="ACTIVE", record_label="abcdefghijkl.abcde"
        )
        return services.get(endpoint.id)

    return make


def test_an_mtls_endpoint_is_made_with_its_cas_and_required_tls(owner, wanted, ca):
    response = owner.post(url("create"), wanted)
    endpoint = IngressEndpoint.objects.get()
    assert response["Location"] == url("detail", endpoint.id)
    assert (endpoint.type, endpoint.tls_policy) == ("MTLS", "REQUIRED")
    assert trust_stores.of(endpoint).ca_content == pem_of(ca).strip()


def test_what_is_wrong_stands_beside_its_text_and_both_stay(owner, wanted, ca):
    leaf = issued(ca, "me@x.example").cert_chain_pems[0].bytes().decode()
    html = page(owner, url("create"), {**wanted, "ca_content": leaf, "crl_content": "none"})
    assert "is no CA: it may not sign certificates" in html
    assert "There is no CRL in it" in html
    assert leaf.splitlines()[3] in html
    assert not IngressEndpoint.objects.exists()


def test_no_ca_is_said_for_mtls_alone(owner, wanted):
    assert 'id="id_ca_content-errors"' in page(owner, url("create"), {**wanted, "ca_content": ""})
    owner.post(url("create"), {**wanted, "type": "OPEN", "ca_content": ""})
    assert IngressEndpoint.objects.get().type == "OPEN"


def test_the_summary_shows_what_is_trusted_and_what_ends(colleague, active, ca):
    revoked = issued(ca, "out@x.example")
    endpoint = active(
        type="MTLS",
        ca_content=bundle(authority("gone", expires_in=-DAY), authority("soon", expires_in=9 * DAY), ca),
        crl_content=crl_of(ca, revoked),
    )
    html = page(colleague, url("detail", endpoint.id))
    for shown in ("Trust store", "CN=gone", "CN=soon", "Expired", "Ends soon", "Expires within 90 days"):
        assert shown in html
    assert "its clients are refused" in html
    assert "a client certificate of a CA in the trust store" in html
    assert url("edit_trust_store", endpoint.id) not in html
    assert "Trust store" in page(colleague, url("status", endpoint.id), HTTP_HX_REQUEST="true")


def test_other_endpoints_show_no_trust_store(owner, active):
    endpoint = active()
    assert "Trust store" not in page(owner, url("detail", endpoint.id))
    assert owner.get(url("edit_trust_store", endpoint.id)).status_code == 404


def test_the_trust_store_is_edited_by_whom_it_may(owner, colleague, stranger, active, ca):
    endpoint = active(type="MTLS", ca_content=pem_of(ca))
    address = url("edit_trust_store", endpoint.id)
    assert stranger.get(address).status_code == 302
    assert colleague.get(address).status_code == 403
    assert pem_of(ca).splitlines()[2] in page(owner, address)
    other = authority("other")
    assert "can't be read" in page(owner, address, {"ca_content": other.replace("MII", "AA")})
    response = owner.post(address, {"ca_content": other, "crl_content": ""})
    assert response["Location"] == url("detail", endpoint.id)
    assert trust_stores.of(endpoint).ca_content == other.strip()


def test_general_details_of_an_mtls_endpoint_have_neither_tls_policy_nor_password(owner, active, ca):
    endpoint = active(type="MTLS", ca_content=pem_of(ca))
    html = page(owner, url("edit", endpoint.id))
    assert 'name="tls_policy"' not in html
    assert 'name="way"' not in html
    owner.post(url("edit", endpoint.id), {"name": "renamed", "status": "CLOSED"})
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.wished_status, endpoint.tls_policy) == ("renamed", "CLOSED", "REQUIRED")
