"""A small file system of its own, to be full in earnest; needs root and the right to mount."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


class Disk:
    """`folder`: its root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, *, but_bytes: int) -> None:
        """A file takes all that is free but so much."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free_bytes - but_bytes)

    def make_room(self) -> None:
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(size_bytes: int) -> Iterator[Disk]:
    """Skips the test where nothing may be mounted, as in most containers."""
    folder = Path(tempfile.mkdtemp(prefix="mm-disk-"))
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0755", "tmpfs", str(folder)]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a file system can't be mounted here: {done.stderr.strip()}")
        try:
            yield Disk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
