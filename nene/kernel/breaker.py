"""A circuit breaker: after a failure, what is away is not asked again for a while.

Own code because the known libraries hold one lock around every call, so that a slow answer would make all threads wait.
"""

import threading
from collections.abc import Callable
from time import monotonic


class Breaker:
    """Closed: ask. Open: refuse at once, but let one caller try again each `pause` seconds."""

    def __init__(self, *, pause: float, read: Callable[[], float] = monotonic) -> None:
        self._pause = pause
        self._read = read
        self._open_until: float | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the last answer was a failure."""
        return self._open_until is not None

    def lets_through(self) -> bool:
        """Whether this caller may ask; while open, one caller each pause is told yes and tries."""
        if self._open_until is None:
            return True
        with self._lock:
            now = self._read()
            if now < (self._open_until or now):
                return False
            self._open_until = now + self._pause
            return True

    def failed(self) -> None:
        """Open, or stay open for another pause."""
        with self._lock:
            self._open_until = self._read() + self._pause

    def answered(self) -> None:
        """Close."""
        self._open_until = None
