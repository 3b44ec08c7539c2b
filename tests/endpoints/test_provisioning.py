"""From a wish to its fulfilment, against a listener that really greets."""

import smtplib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from celery import Celery
from django.db import connections
from django.utils import timezone
from structlog.testing import capture_logs

from endpoints import provisioning, services, tasks
from endpoints.logic.reasons import ReasonCode, read_reason
from endpoints.models import EndpointAddress, IngressEndpoint
from resources.models import Reference, Tag
from tests.servers.process import wait_until

committing = pytest.mark.django_db(transaction=True)


def state(endpoint):
    row = IngressEndpoint.objects.filter(pk=endpoint.pk).values_list("status", flat=True)
    return row.first() or "gone"


def provisioned(endpoint):
    provisioning.provision(endpoint.id)
    assert state(endpoint) == "ACTIVE"
    endpoint.refresh_from_db()
    return endpoint


def greeting(endpoint, port):
    with closing(socket.create_connection((endpoint.addresses.get().address, port), timeout=5)) as peer:
        return peer.recv(200).decode()


def fail_reason(endpoint):
    endpoint.refresh_from_db()
    return read_reason(endpoint.status_reason)


# --- in ---------------------------------------------------------------------------------------------


def test_a_new_endpoint_gets_an_address_and_a_name_and_turns_active(small_ingress, make_endpoint, settings):
    endpoint = provisioned(make_endpoint(type="AUTH"))
    assert endpoint.a_record.endswith(".mail-manager-smtp.mailmanager.test")
    assert endpoint.wished_status == "ACTIVE"
    for port in (settings.SMTP_PORT, settings.SUBMISSION_PORT):
        assert greeting(endpoint, port).startswith(f"220 {endpoint.a_record} ")
    # Active means that mail is taken: the ingress knew before the page did.
    (served,) = small_ingress.source.current.by_address.values()
    assert not served.is_probed
    assert [
        next(iter(shot.by_address.values())).is_probed for shot in small_ingress.snapshots if shot.by_address
    ] == [True, False]


def test_provisioning_twice_and_at_once_gives_one_address(small_ingress, make_endpoint):
    endpoint = make_endpoint()

    def run(_):
        try:
            provisioning.provision(endpoint.id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run, range(3)))
    assert state(endpoint) == "ACTIVE"
    assert EndpointAddress.objects.count() == 1
    provisioning.provision(endpoint.id)
    assert state(endpoint) == "ACTIVE"


def test_two_endpoints_have_an_address_and_a_name_each(small_ingress, make_endpoint):
    first, second = provisioned(make_endpoint("first")), provisioned(make_endpoint("second"))
    assert first.addresses.get() != second.addresses.get()
    assert first.a_record != second.a_record


@committing
def test_without_a_listener_it_fails_and_says_where(make_endpoint, settings):
    settings.PROVISION_TIMEOUT_SECONDS = 0
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    assert state(endpoint) == "FAILED"
    reason = fail_reason(endpoint)
    assert reason.code is ReasonCode.NO_LISTENER
    assert reason.details["address"] == endpoint.addresses.get().address
    assert reason.details["port"] == str(settings.SMTP_PORT)


@committing
def test_a_foreign_listener_is_no_ingress(make_endpoint, settings, smtp_peer):
    settings.PROVISION_TIMEOUT_SECONDS = 0
    settings.ADDRESS_POOL = [smtp_peer.host]
    settings.SMTP_PORT = smtp_peer.port
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    assert state(endpoint) == "FAILED"
    reason = fail_reason(endpoint)
    assert reason.code is ReasonCode.FOREIGN_LISTENER
    assert reason.details["heard"].startswith("220 ")


@committing
@pytest.mark.parametrize("behaviour", ["silent", "closing", "garbage"])
def test_a_listener_that_does_not_greet_is_none(make_endpoint, settings, behaviour, monkeypatch):
    monkeypatch.setattr("endpoints.probe._GREETING_TIMEOUT_SECONDS", 0.2)
    settings.PROVISION_TIMEOUT_SECONDS = 0
    settings.ADDRESS_POOL = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.SMTP_PORT = listener.getsockname()[1]
        held = []

        def serve():
            peer, _ = listener.accept()
            held.append(peer)
            if behaviour == "garbage":
                peer.sendall(b"\xff\x00" * 2000)
            if behaviour != "silent":
                peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = make_endpoint()
        provisioning.provision(endpoint.id)
        thread.join(10)
        held[0].close()
    assert state(endpoint) == "FAILED"
    assert fail_reason(endpoint) is not None
    longest = IngressEndpoint._meta.get_field("status_reason").max_length
    assert longest is not None
    assert len(endpoint.status_reason) <= longest


@committing
def test_an_exhausted_pool_names_what_is_in_use_and_what_rests(make_endpoint, settings):
    settings.PROVISION_TIMEOUT_SECONDS = 0
    settings.ADDRESS_POOL = ["127.64.0.8-127.64.0.9"]
    EndpointAddress.objects.create(address="127.64.0.8", rests_until=timezone.now() + timedelta(hours=1))
    first, second = make_endpoint("first"), make_endpoint("second")
    provisioning.provision(first.id)
    provisioning.provision(second.id)
    reason = fail_reason(second)
    assert (reason.code, reason.details) == (
        ReasonCode.POOL_EXHAUSTED,
        {"family": "IPv4", "in_use": "1", "resting": "1"},
    )
    assert second.a_record == ""
    assert not second.addresses.exists()


@committing
def test_a_pool_that_cannot_be_read_is_said(make_endpoint, settings):
    settings.ADDRESS_POOL = ["127.64.0.0/8x"]
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    assert fail_reason(endpoint).code is ReasonCode.POOL_UNREADABLE


@committing
def test_both_families_are_given_where_the_pool_has_them(make_endpoint, settings):
    settings.PROVISION_TIMEOUT_SECONDS = 0
    settings.ADDRESS_POOL = ["127.64.0.8", "127.64.0.9", "fd00::8"]
    for name, wanted in (("first", ["127.64.0.8", "fd00::8"]), ("second", ["127.64.0.9"])):
        endpoint = make_endpoint(name)
        provisioning.provision(endpoint.id)
        assert list(endpoint.addresses.values_list("address", flat=True)) == wanted


def test_a_retry_takes_an_address_that_the_pool_still_has(small_ingress, make_endpoint, settings, actor):
    network = settings.ADDRESS_POOL
    settings.ADDRESS_POOL = ["192.0.2.1"]
    settings.PROVISION_TIMEOUT_SECONDS = 0
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    assert state(endpoint) == "FAILED"
    settings.ADDRESS_POOL = network
    settings.PROVISION_TIMEOUT_SECONDS = 10
    services.retry(actor, endpoint.id)
    provisioned(endpoint)
    assert endpoint.addresses.get().address != "192.0.2.1"
    assert EndpointAddress.objects.filter(address="192.0.2.1", rests_until__gt=timezone.now()).exists()


# --- changes ----------------------------------------------------------------------------------------


def test_closing_is_closed_when_the_listener_answers_421(small_ingress, make_endpoint, actor, settings):
    endpoint = provisioned(make_endpoint())
    services.update(actor, endpoint.id, status="CLOSED")
    provisioning.settle(endpoint.id)
    assert state(endpoint) == "CLOSED"
    assert greeting(endpoint, settings.SMTP_PORT).startswith("421 ")
    services.update(actor, endpoint.id, status="ACTIVE")
    provisioning.settle(endpoint.id)
    assert state(endpoint) == "ACTIVE"
    assert greeting(endpoint, settings.SMTP_PORT).startswith("220 ")


@committing
def test_an_update_that_nobody_shows_stays_and_says_so(make_endpoint, actor, monkeypatch):
    monkeypatch.setattr("endpoints.provisioning.SETTLE_TIMEOUT_SECONDS", 0)
    endpoint = make_endpoint()
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status="ACTIVE", wished_status="ACTIVE")
    EndpointAddress.objects.create(address="127.64.0.8", endpoint=endpoint)
    services.update(actor, endpoint.id, tls_policy="REQUIRED")
    provisioning.settle(endpoint.id)
    assert state(endpoint) == "UPDATING"
    assert fail_reason(endpoint).code is ReasonCode.NOT_CONFIRMED


def test_a_change_in_the_meantime_is_not_settled_by_the_former_one(
    small_ingress, make_endpoint, actor, monkeypatch
):
    endpoint = provisioned(make_endpoint())
    services.update(actor, endpoint.id, tls_policy="REQUIRED")
    wait = provisioning._wait

    def overtaken(check, timeout):
        services.update(actor, endpoint.id, status="CLOSED")
        return wait(check, timeout)

    with monkeypatch.context() as patch:
        patch.setattr("endpoints.provisioning._wait", overtaken)
        provisioning.settle(endpoint.id)
    assert state(endpoint) == "UPDATING"
    provisioning.settle(endpoint.id)
    assert state(endpoint) == "CLOSED"


# --- out --------------------------------------------------------------------------------------------


def test_a_deleted_endpoint_leaves_nothing_but_an_address_at_rest(
    small_ingress, make_endpoint, actor, settings
):
    endpoint = provisioned(make_endpoint(tags={"a": "b"}))
    place = endpoint.addresses.get().address, settings.SMTP_PORT
    services.delete(actor, endpoint.id)
    provisioning.deprovision(endpoint.id)
    provisioning.deprovision(endpoint.id)
    assert state(endpoint) == "gone"
    assert not Tag.objects.exists()
    assert not Reference.objects.exists()
    soon = timezone.now() + timedelta(minutes=59)
    assert EndpointAddress.objects.get(endpoint=None, rests_until__gt=soon).address == place[0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place, timeout=5)
    assert provisioned(make_endpoint("next")).addresses.get().address != place[0]


@committing
def test_what_has_rested_is_given_out_again(make_endpoint, settings):
    settings.ADDRESS_POOL = ["127.64.0.8"]
    settings.PROVISION_TIMEOUT_SECONDS = 0
    EndpointAddress.objects.create(address="127.64.0.8", rests_until=timezone.now() - timedelta(seconds=1))
    endpoint = make_endpoint()
    provisioning.provision(endpoint.id)
    assert endpoint.addresses.get().address == "127.64.0.8"


# --- what was lost ----------------------------------------------------------------------------------


@committing
@pytest.mark.parametrize("status", ["PROVISIONING", "UPDATING", "DEPROVISIONING"])
def test_the_sweep_takes_up_each_overdue_endpoint_once(make_endpoint, status):
    endpoint = make_endpoint()
    now = timezone.now()
    row = IngressEndpoint.objects.filter(pk=endpoint.pk)
    row.update(status=status, updated_at=now)
    assert provisioning.claim_overdue(now) == []
    row.update(updated_at=now - timedelta(minutes=2))
    assert provisioning.claim_overdue(now) == [(endpoint.id, status)]
    assert provisioning.claim_overdue(now) == []


@committing
def test_the_sweep_leaves_what_rests_alone(make_endpoint):
    endpoint = make_endpoint()
    for status in ("ACTIVE", "CLOSED", "FAILED"):
        IngressEndpoint.objects.filter(pk=endpoint.pk).update(
            status=status, updated_at=timezone.now() - timedelta(days=1)
        )
        assert provisioning.claim_overdue(timezone.now()) == []


# --- by a worker ------------------------------------------------------------------------------------


def test_a_worker_carries_wishes_out(worker, small_ingress, make_endpoint, actor, settings):
    endpoint = make_endpoint(type="AUTH")
    wait_until(lambda: state(endpoint) == "ACTIVE", "active")
    endpoint.refresh_from_db()
    with smtplib.SMTP(timeout=5) as client:
        assert client.connect(endpoint.addresses.get().address, settings.SMTP_PORT)[0] == 220
        client.close()
    services.update(actor, endpoint.id, status="CLOSED")
    wait_until(lambda: state(endpoint) == "CLOSED", "closed")
    services.delete(actor, endpoint.id)
    wait_until(lambda: state(endpoint) == "gone", "gone")


@committing
def test_a_wish_without_a_broker_stands_and_is_swept_up(make_endpoint, settings, monkeypatch):
    nobody = Celery(broker=f"redis+socket://{settings.DATA_DIR / 'nobody.sock'}", set_as_current=False)
    monkeypatch.setattr("endpoints.tasks.provision", nobody.task(tasks.provision.run, name="nobody"))
    with capture_logs() as events:
        endpoint = make_endpoint()
    assert [event["event"] for event in events] == ["task_not_sent"]
    assert state(endpoint) == "PROVISIONING"
    later = timezone.now() + timedelta(minutes=2)
    assert provisioning.claim_overdue(later) == [(endpoint.id, "PROVISIONING")]
