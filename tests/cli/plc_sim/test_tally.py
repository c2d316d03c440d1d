"""The PLC's counts, also while somebody looks at them."""

import threading

import pytest

from station.cli.plc_sim import Tally


def test_round_trips_as_shares() -> None:
    tally = Tally()
    assert tally.round_trip_ms(0.5) == 0.0
    tally.round_trips_ms.extend(range(101))

    assert tally.round_trip_ms(0.5) == pytest.approx(50)
    assert tally.round_trip_ms(0.99) == pytest.approx(99)
    assert tally.round_trip_ms(0.5, last=11) == pytest.approx(95)
    assert tally.as_json()["p99_ms"] == pytest.approx(99)


def test_looking_at_the_counts_does_not_stop_the_belt() -> None:
    tally, is_over = Tally(), threading.Event()

    def look() -> None:
        while not is_over.is_set():
            tally.round_trip_ms(0.5)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(50_000):
            tally.round_trips_ms.append(float(number))
    finally:
        is_over.set()
        looking.join()

    assert len(tally.round_trips_ms) == 50_000
