"""The bytes of messages that one process may hold in memory at once."""


class ByteBudget:
    """Shared by all sessions of a process, which take and return in turns (one thread)."""

    __slots__ = ("limit_bytes", "used_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        return self.used_bytes + size_bytes <= self.limit_bytes

    def take(self, size_bytes: int) -> bool:
        """False, and nothing taken, where it would be too much."""
        if not self.has_room(size_bytes):
            return False
        self.used_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        self.used_bytes -= size_bytes
        assert self.used_bytes >= 0, "more given back than taken"
