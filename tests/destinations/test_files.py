"""Files of destinations are whole or absent, whatever happens to the process that writes them."""

import os
import subprocess
import sys
import textwrap

import pytest

from destinations import files
from tests.servers.process import wait_until

_SIZE = 300_000
_WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from django.conf import settings
    settings.configure(DATA_DIR=Path(sys.argv[1]))
    from destinations import files
    for number in range(100_000):
        with (
            files.open_directory(["box", "tmp"], make=True) as tmp,
            files.open_directory(["box", "new"], make=True) as new,
        ):
            files.write_files(new, {f"m{number}": b"x" * int(sys.argv[2])}, drafts=tmp)
    """
)


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_a_killed_writer_leaves_whole_files_only(data_dir):
    new = data_dir / "box" / "new"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(data_dir), str(_SIZE)])
        try:
            wait_until(lambda: new.exists() and len(os.listdir(new)) > 2, "some files")
        finally:
            writer.kill()
            writer.wait()
        assert {file.stat().st_size for file in new.iterdir()} == {_SIZE}
        for file in new.iterdir():
            file.unlink()


def test_what_was_there_is_written_over_as_a_whole(data_dir):
    with files.open_directory(["box"], make=True) as box:
        files.write_files(box, {"a": b"first"})
        files.write_files(box, {"a": b"second", "b": b"third"})
    assert sorted(os.listdir(data_dir / "box")) == ["a", "b"]
    assert (data_dir / "box" / "a").read_bytes() == b"second"


def test_a_link_under_the_name_is_replaced_not_followed(data_dir, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "precious"
    outside.write_bytes(b"precious")
    (data_dir / "box").mkdir()
    (data_dir / "box" / "a").symlink_to(outside)
    with files.open_directory(["box"]) as box:
        files.write_files(box, {"a": b"mail"})
    assert outside.read_bytes() == b"precious"
    assert (data_dir / "box" / "a").read_bytes() == b"mail"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_what_is_no_name_of_one_file_opens_nothing(name):
    with pytest.raises(ValueError, match="is no name"), files.open_directory([name], make=True):
        pass


def test_counting_ends_early_where_there_is_much(data_dir, monkeypatch):
    monkeypatch.setattr(files, "_MAX_COUNTED", 3)
    (data_dir / "box").mkdir()
    for number in range(5):
        (data_dir / "box" / str(number)).write_bytes(b"12")
    assert files.fill_of(["box"]) == files.Fill(3, 6, is_complete=False)
