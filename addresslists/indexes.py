"""The indexes that this process holds, as files in the data directory that all processes of a node map.

    <data dir>/addresslists/<list ID>.<version>.<key>.index

Made where one is missing or damaged, by one process at a time, and replaced whole. Who holds a file
that is taken away goes on with it.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

import structlog
from django.conf import settings

from addresslists.logic.index import DamagedIndexError, IndexBuilder, ListIndex, read_index
from addresslists.logic.lookup import UnreadableListError
from addresslists.reading import Base, ListState, member_pages

log = structlog.get_logger()

DIRECTORY_NAME = "addresslists"


class Indexes:
    """Implements `logic.lookup.Lists` for as long as its process runs. `refresh` in a thread, or between
    batches; `contains` from any thread, at any time: an index is held until the next one is there."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[ListState, ListIndex]] = {}
        self._indexes: dict[str, ListIndex] = {}
        self.is_complete = True  # the last `refresh` brought all that it was asked for

    def contains(self, list_id: str, address: str) -> bool:
        try:
            index = self._indexes[list_id]
        except KeyError:
            raise UnreadableListError(f"address list {list_id} is not held") from None
        return index.contains(address)

    def refresh(self, states: Mapping[str, ListState], *, keep_others: bool = False) -> None:
        """Hold these lists as they are now, and no others unless `keep_others`.

        One that can't be read or made is logged, and held as it was before, if it was. Database errors
        that leave a list without any index are its own: the others are held.
        """
        held, is_complete = {**self._held} if keep_others else {}, True
        for list_id, state in states.items():
            known = self._held.get(list_id)
            if known is not None and known[0] == state:
                held[list_id] = known
                continue
            try:
                if known is not None and known[0].base == state.base:
                    index = known[1].with_changes(state.changes)
                else:
                    index = open_index(list_id, state.base).with_changes(state.changes)
            except Exception as error:  # noqa: BLE001 - whatever it is, mail for the other lists goes on
                log.error("address_list_unreadable", list=list_id, held=known is not None, error=repr(error))
                is_complete = False
                if known is not None:
                    held[list_id] = known
            else:
                held[list_id] = (state, index)
        self._held, self._indexes = held, {list_id: index for list_id, (_state, index) in held.items()}
        self.is_complete = is_complete


def open_index(list_id: str, base: Base) -> ListIndex:
    """From its file, which is made if need be; while the database is away a later one does too."""
    path = _path(list_id, base)
    try:
        return _map(path)
    except FileNotFoundError:
        pass
    except DamagedIndexError as error:
        log.error("address_list_index_damaged", path=str(path), error=str(error))
    try:
        with _building():
            if (made := _map_if_whole(path)) is not None:  # by whom we waited for
                return made
            _build(list_id, path)
    except Exception:
        if (later := _latest(list_id, base.version)) is not None:
            return later
        raise
    return _map(path)


def build_index(list_id: str, base: Base) -> None:
    """Make the file now, so that nobody has to later. Members are read in pages: what comes or goes
    meanwhile may be in it or not, and is to be among the changes after `base`."""
    with _building():
        _build(list_id, _path(list_id, base))


def forget_index(list_id: str) -> None:
    """Of a list that is gone."""
    for path in _directory().glob(f"{list_id}.*.index"):
        path.unlink(missing_ok=True)


def _build(list_id: str, path: Path) -> None:
    builder = IndexBuilder()
    for page in member_pages(list_id):
        builder.add(page)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            os.chmod(file.fileno(), 0o600)
            for piece in builder.finish():
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        for left in path.parent.glob(f"{list_id}.*.index.*"):  # also by who died here before
            left.unlink(missing_ok=True)
    for former in path.parent.glob(f"{list_id}.*.index"):
        if former != path and _version(former) <= _version(path):
            former.unlink(missing_ok=True)


def _map(path: Path) -> ListIndex:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise DamagedIndexError("empty")
        return read_index(mmap(file.fileno(), 0, access=ACCESS_READ))


def _map_if_whole(path: Path) -> ListIndex | None:
    try:
        return _map(path)
    except (FileNotFoundError, DamagedIndexError):
        return None


def _latest(list_id: str, version: int) -> ListIndex | None:
    paths = sorted(_directory().glob(f"{list_id}.*.index"), key=_version, reverse=True)
    candidates = (_map_if_whole(path) for path in paths if _version(path) > version)
    return next((index for index in candidates if index is not None), None)


def _directory() -> Path:
    directory: Path = settings.DATA_DIR / DIRECTORY_NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _path(list_id: str, base: Base) -> Path:
    return _directory() / f"{list_id}.{base.version}.{base.key}.index"


def _version(path: Path) -> int:
    return int(path.name.split(".")[1])


@contextmanager
def _building() -> Iterator[None]:
    """One at a time on a node: it takes a second or two for a million members."""
    with (_directory() / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
