"""Trust stores of mTLS endpoints: what is read, what is refused, what is trusted when."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme

from core.errors import Invalid
from endpoints import services, trust_stores
from endpoints.logic.assembly import Assembler
from endpoints.logic.snapshot import TrustStore
from endpoints.logic.trust_store import Flaw, FlawCode, Kind, Validity, flaws_of, read
from endpoints.models import EndpointAddress, IngressEndpoint
from endpoints.snapshot import build_snapshot, read_document
from tests.servers.certificates import DAY, authority, bundle, crl_of, issued, pem_of

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def other() -> trustme.CA:
    return trustme.CA(organization_name="Other")


# --- reading --------------------------------------------------------------------------------------


def test_all_cas_of_a_bundle_are_read_with_what_stands_between_them(ca, other):
    contents = read(f"# the first\n{pem_of(ca)}\nsubject=/CN=x\r\n{pem_of(other)}{pem_of(ca)}")
    assert not contents.flaws
    assert [known.number for known in contents.authorities] == [1, 2]
    assert "Other" in contents.authorities[1].subject


def test_each_flaw_is_told_with_its_number(ca):
    leaf = issued(ca, "client@x.example").cert_chain_pems[0].bytes().decode()
    key = ca.private_key_pem.bytes().decode()
    broken = pem_of(ca).replace("MII", "AAA", 1)
    flaws = flaws_of(bundle(ca, leaf, key, broken, pem_of(ca)[:200]), "", NOW)
    assert [(flaw.code, flaw.number) for flaw in flaws] == [
        (FlawCode.NO_AUTHORITY, 2),
        (FlawCode.FOREIGN_BLOCK, 3),
        (FlawCode.UNREADABLE, 4),
        (FlawCode.CUT_OFF, 5),
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("", FlawCode.EMPTY), ("no PEM", FlawCode.EMPTY), ("x" * 500_001, FlawCode.TOO_LONG)]
)
def test_a_bundle_without_a_ca_is_refused(text, code):
    assert flaws_of(text, "", NOW) == (Flaw(Kind.CA, code),)


def test_hundreds_of_thousands_of_beginnings_are_read_in_one_go():
    assert len(read("-----BEGIN X-----" * 29_000).flaws) == 29_000


def test_a_crl_of_a_foreign_ca_and_a_second_one_are_refused(ca, other):
    flaws = flaws_of(pem_of(ca), crl_of(other) + crl_of(ca) + crl_of(ca), NOW)
    assert [(flaw.kind, flaw.code, flaw.number) for flaw in flaws] == [
        (Kind.CRL, FlawCode.NO_ISSUER, 1),
        (Kind.CRL, FlawCode.SECOND_LIST, 3),
    ]


def test_a_bundle_of_expired_cas_alone_is_refused():
    assert flaws_of(authority("old", expires_in=-DAY), "", NOW) == (Flaw(Kind.CA, FlawCode.NONE_TRUSTED),)


# --- what is trusted ------------------------------------------------------------------------------


def test_an_expired_ca_is_left_out(ca):
    trust = read(bundle(authority("old", expires_in=-DAY), ca)).trusted_at(NOW)
    assert trust.authorities == pem_of(ca)
    assert len(trust.removed) == 1


def test_an_expired_crl_takes_its_ca_with_it(ca, other):
    contents = read(bundle(ca, other), crl_of(ca, expires_in=timedelta(days=1)))
    assert contents.trusted_at(NOW).authorities == bundle(ca, other)
    assert contents.trusted_at(NOW + 2 * DAY).authorities == pem_of(other)


def test_trust_says_until_when_it_holds(ca):
    contents = read(bundle(ca), crl_of(ca, expires_in=DAY))
    changes_at = contents.trusted_at(NOW).changes_at
    assert changes_at is not None
    assert changes_at == contents.revocation_lists[0].ends_at
    assert contents.trusted_at(changes_at).authorities
    assert not contents.trusted_at(changes_at + timedelta(seconds=1)).authorities


def test_revoked_serial_numbers_stand_at_their_ca(ca, other):
    revoked = issued(ca, "out@x.example")
    contents = read(bundle(ca, other), crl_of(ca, revoked))
    assert list(map(len, contents.trusted_at(NOW).revoked.values())) == [1]


def test_what_ends_within_90_days_is_listed_and_at_most_ten(ca):
    names = [authority(f"soon {number}", expires_in=(number + 1) * DAY) for number in range(12)]
    late = authority("later", expires_in=91 * DAY)
    early = authority("not yet", begins_in=DAY)
    contents = read(bundle(*names, late, early, ca), crl_of(ca, expires_in=-DAY))
    listed = contents.expiries_at(NOW)
    assert [expiry.kind for expiry in listed] == [Kind.CA] * 10 + [Kind.CRL]
    assert {"CN=later"}.isdisjoint(expiry.subject for expiry in listed)
    assert {expiry.validity for expiry in listed} == {
        Validity.ENDS_SOON,
        Validity.NOT_YET,
        Validity.EXPIRED,
    }


# --- services -------------------------------------------------------------------------------------


def test_an_mtls_endpoint_requires_tls_and_a_trust_store(make_endpoint, ca):
    endpoint = make_endpoint(type="MTLS", ca_content=pem_of(ca))
    assert endpoint.tls_policy == "REQUIRED"
    assert trust_stores.of(endpoint).ca_content == pem_of(ca)
    with pytest.raises(Invalid) as refused:
        make_endpoint("second", type="MTLS", tls_policy="OPTIONAL")
    assert [problem.path for problem in refused.value.problems] == ["tls_policy", "ca_content"]


def test_other_types_have_no_trust_store(make_endpoint, ca):
    with pytest.raises(Invalid) as refused:
        make_endpoint(ca_content=pem_of(ca))
    assert [problem.path for problem in refused.value.problems] == ["ca_content"]
    with pytest.raises(Invalid):
        make_endpoint(type="MTLS", ca_content=pem_of(ca), password="pass-Word_1")


def test_problems_stand_at_their_text(make_endpoint, ca, other):
    with pytest.raises(Invalid) as refused:
        make_endpoint(type="MTLS", ca_content=pem_of(ca) + pem_of(ca)[:99], crl_content=crl_of(other))
    assert [problem.path for problem in refused.value.problems] == ["ca_content", "crl_content"]
    assert "2" in refused.value.problems[0].message


def test_a_trust_store_is_changed_and_its_crl_taken_away(actor, make_endpoint, ca, other):
    endpoint = make_endpoint(type="MTLS", ca_content=pem_of(ca), crl_content=crl_of(ca))
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status="ACTIVE", wished_status="ACTIVE")
    services.update(actor, endpoint.id, crl_content="")
    assert trust_stores.of(endpoint).crl_content == ""
    changed = services.update(actor, endpoint.id, ca_content=pem_of(other))
    assert changed.status == "UPDATING"
    assert trust_stores.of(endpoint).ca_content == pem_of(other)


def test_tls_of_an_mtls_endpoint_can_not_become_optional(actor, make_endpoint, ca):
    endpoint = make_endpoint(type="MTLS", ca_content=pem_of(ca))
    with pytest.raises(Invalid) as refused:
        services.update(actor, endpoint.id, tls_policy="OPTIONAL", ca_content="none")
    assert [problem.path for problem in refused.value.problems] == ["tls_policy", "ca_content"]


def test_a_trust_store_reaches_the_snapshot(make_endpoint, ca, django_assert_num_queries):
    endpoint = make_endpoint(type="MTLS", ca_content=pem_of(ca), crl_content=crl_of(ca))
    EndpointAddress.objects.create(address="127.0.0.9", endpoint=endpoint)
    served = build_snapshot().by_address["127.0.0.9"]
    assert served.is_tls_required
    assert isinstance(served.trust_store, TrustStore)
    assert served.trust_store.ca_content == pem_of(ca)
    with django_assert_num_queries(4):
        document = read_document()
    assert Assembler().assemble(document).by_address["127.0.0.9"].trust_store == served.trust_store
