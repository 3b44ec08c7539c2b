"""SMTP as a client with a blocking socket speaks it."""

import socket


def say(connection: socket.socket, line: bytes, expected: bytes) -> None:
    """RuntimeError where the reply does not begin with `expected`."""
    connection.sendall(line)
    hear(connection, expected)


def hear(connection: socket.socket, expected: bytes) -> None:
    heard = b""
    while not heard.endswith(b"\r\n") or heard.splitlines()[-1][3:4] == b"-":
        chunk = connection.recv(4096)
        if not chunk:
            break
        heard += chunk
    if not heard.startswith(expected):
        raise RuntimeError(f"{connection.getpeername()}: {heard!r} instead of {expected.decode()}")
