"""Loopback ports and addresses that nobody else has."""

import contextlib
import os
import socket


def free_port(host: str = "127.0.0.1", *, kinds: tuple[int, ...] = (socket.SOCK_STREAM,)) -> int:
    """A port that the kernel just gave and took back, free for all of `kinds`.

    For servers that can't be told to take port 0 themselves: who can, does that.
    """
    while True:
        with contextlib.ExitStack() as held:
            first = held.enter_context(socket.socket(socket.AF_INET, kinds[0]))
            first.bind((host, 0))
            port = first.getsockname()[1]
            try:
                for kind in kinds[1:]:
                    held.enter_context(socket.socket(socket.AF_INET, kind)).bind((host, port))
            except OSError:
                continue
            return int(port)


def own_network() -> str:
    """A /27 within 127.64.0.0/10 that belongs to this process alone, as long as it runs."""
    # 2**17 networks of 32 addresses; process ids of Linux count to 2**22 at most, from low ones on.
    first = (127 << 24) | (64 << 16) | (os.getpid() % 2**17) << 5
    return ".".join(str(first >> shift & 255) for shift in (24, 16, 8, 0)) + "/27"
