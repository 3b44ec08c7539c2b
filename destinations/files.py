"""Files of local destinations: below the data directory, never through a symbolic link, durable.

Every directory is opened from its parent with O_NOFOLLOW, so that a link somebody plants in a bucket
or Maildir leads nowhere. A file appears whole under its name or not at all, and is on disk when the
verb returns. All of it blocks: call it on a thread.
"""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_MAX_COUNTED = 20_000  # entries looked at for a page; about 0.1 s


@contextlib.contextmanager
def open_directory(parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the directory `parts` below the data directory.

    `make`: those that are missing are made, durably. OSError where a part is missing, is a link or no
    directory; ValueError where it is no name of one file.
    """
    descriptor = os.open(settings.DATA_DIR, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            below = _open_below(descriptor, part, make=make)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _open_below(parent: int, name: str, *, make: bool) -> int:
    if not is_file_name(name):
        raise ValueError(f"{name!r} is no name of a file")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):  # made by another worker in this moment
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
        os.fsync(parent)
    return os.open(name, flags, dir_fd=parent)


def is_file_name(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def write_files(directory: int, contents: Mapping[str, bytes], *, drafts: int | None = None) -> None:
    """Put each content under its name in `directory`, over what was there.

    `drafts`: the directory that files grow in (a Maildir's tmp); without it, under a name with a dot
    in front. When this returns, all are on disk; when it raises OSError, each is whole or absent.
    """
    drafts_in = directory if drafts is None else drafts
    for name, content in contents.items():
        draft = f"{'.' if drafts is None else ''}{name}.{secrets.token_hex(4)}"
        try:
            _write(drafts_in, draft, content)
            os.rename(draft, name, src_dir_fd=drafts_in, dst_dir_fd=directory)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=drafts_in)
            raise
    os.fsync(directory)


def _write(directory: int, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, _FILE_MODE, dir_fd=directory), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class Fill:
    """What is in a directory. `is_complete` False: counting ended early, there is more."""

    count: int
    size_bytes: int
    is_complete: bool


def fill_of(parts: Sequence[str], *, below: frozenset[str] = frozenset()) -> Fill:
    """Files below the directory, drafts left out; `below`: only in these of its directories."""
    count = size_bytes = seen = 0
    try:
        with open_directory(parts) as top:
            for path, directories, files, descriptor in os.fwalk(".", dir_fd=top):
                if path == "." and below:
                    directories[:] = [name for name in directories if name in below]
                    continue
                for name in files:
                    if seen >= _MAX_COUNTED:
                        return Fill(count, size_bytes, is_complete=False)
                    seen += 1
                    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and not name.startswith("."):
                        count, size_bytes = count + 1, size_bytes + status.st_size
    except FileNotFoundError:  # nothing was delivered yet, or a reader took a file in this moment
        return Fill(count, size_bytes, is_complete=count == 0)
    return Fill(count, size_bytes, is_complete=True)


def remove_tree(parts: Sequence[str]) -> None:
    """Remove the directory and all in it, if it is there; its name is free at once."""
    *above, name = parts
    aside = f".removed-{secrets.token_hex(8)}"
    try:
        with open_directory(above) as parent:
            os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=parent)
    except FileNotFoundError:
        return
    # Refuses links by itself, and is safe against links planted meanwhile (avoids_symlink_attacks).
    shutil.rmtree(Path(settings.DATA_DIR, *above, aside))
