"""`manage.py endpoint …`."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from endpoints import services, trust_stores
from endpoints.models import IngressEndpoint
from secrets_store.password_hashes import verify_password
from tests.endpoints.conftest import PASSWORD
from tests.servers.certificates import crl_of, pem_of

pytestmark = pytest.mark.django_db


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    call_command("endpoint", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def active(endpoint):
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status="ACTIVE", wished_status="ACTIVE")
    return endpoint


CREATE = ("create", "inbound", "--traffic-policy", "allow-all", "--rule-set", "keep-all")


def test_create_show_and_list(policy, rule_set):
    out, err = run(*CREATE, "--json")
    made = json.loads(out)
    assert err == ""
    assert (made["IngressPointName"], made["Type"], made["Status"]) == ("inbound", "OPEN", "PROVISIONING")
    for subject in ("inbound", made["IngressPointId"], made["IngressPointArn"]):
        assert json.loads(run("show", subject, "--json")[0]) == made
    assert f"IngressPointId: {made['IngressPointId']}" in run("show", "inbound")[0]
    assert run("list")[0] == f"inbound\t{made['IngressPointId']}\tOPEN\tPROVISIONING\t-\n"
    assert json.loads(run("list", "--json")[0]) == [made]


def test_a_generated_password_is_printed_once_and_apart(policy, rule_set):
    out, err = run(*CREATE, "--type", "AUTH")
    (password,) = re.findall(r"shown this once: (\S+)", err)
    assert password not in out
    assert verify_password(IngressEndpoint.objects.get().password_hash, password)


def test_a_password_comes_from_standard_input(policy, rule_set, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    out, err = run(*CREATE, "--type", "AUTH", "--password-stdin")
    assert PASSWORD not in out + err
    assert verify_password(IngressEndpoint.objects.get().password_hash, PASSWORD)


def test_a_trust_store_comes_from_files(policy, rule_set, ca, tmp_path):
    for name, text in (("ca.pem", pem_of(ca)), ("crl.pem", crl_of(ca))):
        (tmp_path / name).write_text(text)
    files = ("--ca-file", str(tmp_path / "ca.pem"), "--crl-file", str(tmp_path / "crl.pem"))
    run(*CREATE, "--type", "MTLS", *files)
    kept = trust_stores.of(IngressEndpoint.objects.get())
    assert (kept.ca_content, kept.crl_content) == (pem_of(ca), (tmp_path / "crl.pem").read_text())
    with pytest.raises(CommandError, match=r"none\.pem"):
        run("create", "other", *CREATE[2:], "--type", "MTLS", "--ca-file", "none.pem")


def test_close_open_and_delete(make_endpoint):
    endpoint = active(make_endpoint())
    run("close", "inbound")
    assert services.get(endpoint.id).wished_status == "CLOSED"
    run("open", endpoint.id)
    assert services.get(endpoint.id).wished_status == "ACTIVE"
    run("delete", "inbound")
    assert services.get(endpoint.id).status == "DEPROVISIONING"


def test_retry_is_for_what_failed(make_endpoint):
    endpoint = make_endpoint()
    with pytest.raises(CommandError, match="Provisioning"):
        run("retry", "inbound")
    IngressEndpoint.objects.update(status="FAILED")
    run("retry", "inbound")
    assert services.get(endpoint.id).status == "PROVISIONING"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nobody"), "There is no ingress endpoint nobody."),
        (("create", "x", *CREATE[2:]), "3 to 63"),
        ((*CREATE[:3], "nothing", *CREATE[4:]), "There is no traffic policy nothing."),
        ((*CREATE[:5], "nothing"), "There is no rule set nothing."),
        (("delete", "inp-none", "--wait", "1"), "There is no ingress endpoint"),
    ],
)
def test_what_can_not_be_is_one_clear_line(policy, rule_set, words, said):
    with pytest.raises(CommandError, match=said) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


def test_waiting_in_vain_is_an_error(make_endpoint):
    make_endpoint()
    IngressEndpoint.objects.update(status="FAILED")
    with pytest.raises(CommandError, match="still PROVISIONING"):
        run("retry", "inbound", "--wait", "0.2")
    active(IngressEndpoint.objects.get())
    with pytest.raises(CommandError, match="not gone"):
        run("delete", "inbound", "--wait", "0.2")


def test_waiting_ends_when_it_rests(policy, rule_set, worker, small_ingress):
    made = json.loads(run(*CREATE, "--wait", "20", "--json")[0])
    assert made["Status"] == "ACTIVE"
    assert json.loads(run("close", "inbound", "--wait", "20", "--json")[0])["Status"] == "CLOSED"
    run("delete", "inbound", "--wait", "20")
    assert run("list")[0] == ""
