"""Files that only their owner may read: keys and secrets in the data directory.

Imports nothing of Django: the settings need it before there is any.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_once(path: Path, make: Callable[[], str]) -> None:
    """Put `make()` into `path` with mode 0600, unless it is there.

    Several processes may start at once on an empty directory: the file appears whole under its
    name by a hard link, which only one of them can make; all read what that one wrote.
    """
    if path.exists():
        return
    draft = _write_draft(path, make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; what it wrote is what counts
    finally:
        draft.unlink()


def replace(path: Path, text: str) -> None:
    """Make `text` the file's content, whole or not at all, and on disk when this returns."""
    _write_draft(path, text).replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write_draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
