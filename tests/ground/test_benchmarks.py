"""The benchmarks run, each for a moment and against our ingress alone. What they tell here means nothing."""

import importlib
import smtplib
import sys
from contextlib import ExitStack

import pytest

from benchmarks import _peers as peers
from benchmarks import accept, idle, scale, tls
from benchmarks._certificate import make_certificate
from benchmarks._peers import Peer
from benchmarks._targets import ROOT, ingress
from benchmarks._tls_load import clients

_SHORT = ("--rounds", "1", "--seconds", "0.1")
_ADDRESS = "127.70.0.1"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One ingress for all, with a policy of 19 statements and a list at its second address."""
    folder = tmp_path_factory.mktemp("bench")
    rows = ("benchmarks._scale_rows", _ADDRESS, "2", "0,0", "19,10")
    with ingress(folder / "i", address=_ADDRESS, rows=rows, certificate=make_certificate(folder)) as target:
        yield target


def rows_of(report):
    """Name → the other cells, of a table of which each row has as many as the header."""
    lines = [line for line in report.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {len(rows[0])}
    return {row[0]: row[1:] for row in rows[2:]}


def number(cell):
    return float(cell.replace(",", ""))


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")))
def test_each_benchmark_says_how_it_is_called(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main()
    assert ended.value.code == 0
    assert name in capsys.readouterr().out


@pytest.mark.needs("smtp-source")
def test_accept_tells_rates_and_syncs(served):
    report = accept.report([served], accept.parse([*_SHORT, "--sessions", "2", "--peers", ""]))
    new, reused = (rows_of(report)["Mail Manager"][place] for place in (0, 3))
    assert number(new) > 0
    assert number(reused) > 0


@pytest.mark.needs("smtp-source")
def test_scale_tells_ratios_to_the_base(served, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "_STATEMENTS", ((0, 0), (19, 10)))
    with ExitStack() as stack:
        setting = scale.Setting(served, [(0, 0), (19, 10)], stack, tmp_path, 10)
        rows = rows_of(scale.report("statements", setting, scale.parse([*_SHORT])))
    assert rows["0"][2] == "1.00"
    assert number(rows["19"][2]) > 0


def test_tls_tells_full_and_resumed_sessions(served):
    with clients(2) as pool:
        report = tls.report(pool, [served], tls.parse([*_SHORT, "--sessions", "2", "--size", "1000"]))
    row = rows_of(report)["Mail Manager"]
    assert number(row[0]) > 0
    assert number(row[5]) > 0


def test_idle_tells_how_many_connections_rest(served):
    report = idle.report(served, [], idle.parse(["--connections", "20", "--secured", "5", "--settle", "0.1"]))
    rows = rows_of(report)
    assert rows["Mail Manager"][0] == "20"
    assert rows["Mail Manager, TLS"][0] == "5"


def test_what_to_compare_with_is_named_and_what_is_missing_too(tmp_path, capsys):
    with ExitStack() as stack:
        missing = {"postfix": Peer(peers.postfix, ("/nonexistent/postfix",))}
        assert list(peers.started(stack, tmp_path, missing, ["postfix"])) == []
        assert "postfix" in capsys.readouterr().out
        with pytest.raises(SystemExit, match="no peer sendmail"):
            list(peers.started(stack, tmp_path, missing, ["sendmail"]))


def test_stock_aiosmtpd_stores_what_it_accepts(tmp_path):
    with (
        peers.stock_aiosmtpd(tmp_path / "peer") as target,
        smtplib.SMTP(target.address, target.port) as client,
    ):
        client.sendmail("a@x.example", ["b@y.example"], b"Subject: kept\r\n\r\n")
    assert b"kept" in (tmp_path / "peer" / "1.eml").read_bytes()
