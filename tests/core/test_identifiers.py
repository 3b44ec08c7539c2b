"""Identifiers have the forms of SPEC §2."""

import re

from core.identifiers import (
    MESSAGE_ID,
    Arn,
    new_id,
    new_message_id,
    new_record_label,
    parse_arn,
    resource_name,
)


def test_ids_have_prefix_and_24_characters():
    assert re.fullmatch(r"inp-[a-z0-9]{24}", new_id("inp"))


def test_record_labels_have_12_and_5_characters():
    assert re.fullmatch(r"[a-z0-9]{12}\.[a-z]{5}", new_record_label())


def test_message_ids_sort_by_time_and_differ_within_a_microsecond():
    times = [0, 1_000, 1_700_000_000_000_000_000, 1_700_000_000_000_001_000, 4_000_000_000_000_000_000]
    ids = [new_message_id(time_ns) for time_ns in times]
    assert ids == sorted(ids)
    assert all(MESSAGE_ID.fullmatch(message_id) for message_id in ids)
    assert new_message_id(5) != new_message_id(5)


def test_arns_round_trip_and_keep_colons_in_the_resource():
    text = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a:b-AbCdEf"
    assert parse_arn(text) == Arn("secretsmanager", "us-east-1", "123456789012", "secret:a:b-AbCdEf")
    assert str(parse_arn(text)) == text
    assert parse_arn("r-123") is None


def test_resource_name_takes_ids_and_arns():
    assert resource_name("arn:aws:ses:us-east-1:123456789012:mailmanager-smtp-relay/r-1") == "r-1"
    assert resource_name("r-1") == "r-1"
