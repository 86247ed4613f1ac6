"""The gate before what is outside: few wait, and nobody in vain."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from time import monotonic

import pytest

from nene.kernel.breaker import Gate, NotAsked, TooLate, read_in_time
from tests.crowd import wait_until


def gate(*, seats: int = 1, failures: int = 1, pause: float = 60) -> Gate:
    return Gate(threading.BoundedSemaphore(seats), failures=failures, pause=pause)


@contextmanager
def taken(one: Gate) -> Iterator[threading.Event]:
    """Somebody sits inside until the event is set."""
    inside, leave = threading.Event(), threading.Event()

    def sit() -> None:
        with one.seat():
            inside.set()
            leave.wait(30)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(sit)
        assert inside.wait(30)
        try:
            yield leave
        finally:
            leave.set()


def test_who_finds_no_seat_is_told_at_once() -> None:
    one = gate()
    with taken(one):
        assert not one.is_free()
        with pytest.raises(NotAsked), one.seat():
            pass
    assert one.is_free()


def test_who_is_patient_gets_the_seat_that_is_left() -> None:
    one = gate()
    with taken(one) as leave:
        threading.Timer(0.1, leave.set).start()
        with one.seat(patience=30):
            assert leave.is_set()


def test_patience_ends() -> None:
    one = gate()
    with taken(one):
        began = monotonic()
        with pytest.raises(NotAsked), one.seat(patience=0.1):
            pass
        assert 0.1 <= monotonic() - began < 5


def test_a_seat_is_free_again_whatever_happened_in_it() -> None:
    one = gate()
    with pytest.raises(KeyError), one.seat():
        raise KeyError
    assert one.is_free()


def test_only_failures_in_a_row_close_it() -> None:
    one = gate(failures=2)
    for answered in (False, True, False):
        one.learn(answered=answered)
    assert one.is_free()
    one.learn(answered=False)
    assert not one.is_free()


def test_when_it_is_closed_nobody_is_let_in_however_patient() -> None:
    one = gate()
    one.learn(answered=False)
    began = monotonic()
    with pytest.raises(NotAsked), one.seat(patience=30):
        pass
    assert monotonic() - began < 5


def test_after_a_pause_one_tries_and_an_answer_opens_it() -> None:
    one = gate(seats=2, pause=0.2)
    one.learn(answered=False)
    wait_until(one.is_free)
    with one.seat(), pytest.raises(NotAsked), one.seat():
        pass
    one.learn(answered=True)
    with one.seat(), one.seat():
        pass


def test_while_one_tries_for_longer_than_a_pause_nobody_else_does() -> None:
    one = gate(seats=2, pause=0.1)
    one.learn(answered=False)
    wait_until(one.is_free)
    with taken(one):
        wait_until(lambda: not one._breaker.lets_nobody_through)  # the next pause is over too
        assert not one.is_free()
        with pytest.raises(NotAsked), one.seat():
            pass
    assert one.is_free()


def test_what_has_no_end_is_not_read_to_its_end() -> None:
    def endless(size: int) -> bytes:
        return b"x" * size

    pieces = BytesIO(b"ab")
    assert read_in_time(pieces.read, until=monotonic() + 30, largest=2) == b"ab"
    with pytest.raises(TooLate):
        read_in_time(endless, until=monotonic() - 1, largest=10)
    with pytest.raises(ValueError, match=r"^$"):
        read_in_time(endless, until=monotonic() + 30, largest=10)
