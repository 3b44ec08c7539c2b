"""docs/api.md says what is so: its table is the code's, its example runs."""

import re
from pathlib import Path

from api.management.commands.apioperations import operations_table
from tests.servers.system import REPOSITORY

TEXT = Path(REPOSITORY / "docs" / "api.md").read_text()


def test_the_table_is_what_manage_py_apioperations_prints():
    assert TEXT.endswith(operations_table())


def test_the_python_example_runs_as_it_stands(live_server, access_key, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", access_key.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{live_server.url}/api/")
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/api.md", "exec"), {})
    assert "partners PROVISIONING -" in capsys.readouterr().out
