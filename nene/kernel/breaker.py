"""What keeps threads from waiting in vain for what is outside: a breaker, a gate that lets few wait, an end to reading.

Own code because the known libraries hold one lock around every call, so that a slow answer would make all threads wait.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from time import monotonic

CHUNK = 64 * 1024  # bytes that are read at a time
AGAIN = 0.1  # seconds until one hangs up once more


class NotAsked(Exception):
    """Nobody was asked, and nothing done: it did not answer a moment ago, or enough callers wait for it already."""


class TooLate(ValueError):
    """An answer takes too long to arrive."""


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

    @property
    def lets_nobody_through(self) -> bool:
        """Whether whoever asks now is refused; a look only, which does not use up the one try."""
        until = self._open_until
        return until is not None and self._read() < until

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


class Gate:
    """Seats for those who wait for what is outside, and a breaker that opens after some failures in a row."""

    def __init__(self, seats: threading.BoundedSemaphore, *, failures: int, pause: float) -> None:
        """After so many `failures` nobody is let in for `pause` seconds, and then one at a time, who tries."""
        self._seats = seats
        self._tolerated = failures
        self._breaker = Breaker(pause=pause)
        self._trial = threading.Lock()
        self._lock = threading.Lock()
        self._failures = 0

    def is_free(self) -> bool:
        """Whether one would be let in at this moment; a hint, for the next caller may take the seat."""
        if self._trial.locked() or self._breaker.lets_nobody_through or not self._seats.acquire(blocking=False):
            return False
        self._seats.release()
        return True

    @contextmanager
    def seat(self, *, patience: float = 0) -> Iterator[None]:
        """Wait inside; whoever was let in says by `learn` how it went. Raises NotAsked if none is free for `patience`."""
        if self._breaker.lets_nobody_through or not self._seats.acquire(timeout=patience):
            raise NotAsked
        try:
            with self._alone() if self._breaker.is_open else nullcontext():
                if not self._breaker.lets_through():
                    raise NotAsked
                yield
        finally:
            self._seats.release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever tries may wait longer than a pause: meanwhile nobody else need find out the same."""
        if not self._trial.acquire(blocking=False):
            raise NotAsked
        try:
            yield
        finally:
            self._trial.release()

    def learn(self, *, answered: bool) -> None:
        """Note whether there was an answer."""
        with self._lock:
            self._failures = 0 if answered else self._failures + 1
            if answered:
                self._breaker.answered()
            elif self._failures >= self._tolerated:
                self._breaker.failed()


def read_in_time(read: Callable[[int], bytes], *, until: float, largest: int) -> bytes:
    """All that `read` gives, piece by piece. Raises TooLate at `until`, of `monotonic`; ValueError if it is larger."""
    body = bytearray()
    while chunk := read(CHUNK):
        body += chunk
        if monotonic() > until:
            raise TooLate
        if len(body) > largest:
            raise ValueError
    return bytes(body)


def hang_up_later(sockets: Callable[[], Iterable[socket.socket | None]], *, after: float) -> threading.Event:
    """Shut these sockets down after so many seconds, unless the event is set by then: who waits reads that it is over.

    Whoever says a little now and then never runs into a time-out. It is done again and again until the event is set,
    for while TLS is agreed on there is no socket to be had.
    """
    over = threading.Event()

    def hang_up() -> None:
        pause = after
        while not over.wait(pause):
            pause = AGAIN
            for each in sockets():
                if each is not None:
                    with suppress(OSError):
                        socket.socket.shutdown(each, socket.SHUT_RDWR)  # without a farewell of TLS, which may hang

    threading.Thread(target=hang_up, daemon=True, name="hang-up").start()
    return over
