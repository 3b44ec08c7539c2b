"""The copy of a snapshot's document on disk: whole or not there, for its owner's eyes only."""

import json
import os
from pathlib import Path

import structlog

from endpoints.logic.assembly import Document

log = structlog.get_logger()

FORMAT = 2  # of the document; a copy of another format is as none


def write(path: Path, document: Document) -> None:
    """Several processes may write at once: each has a draft of its own, the last rename stays. OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"format": FORMAT, **document}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> Document | None:
    """None where there is none that can be read; why is in the log."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("snapshot_copy_unreadable", path=str(path), error=str(error))
        return None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        log.warning("snapshot_copy_unreadable", path=str(path), error="another format")
        return None
    return document
