"""Which seeds are for what, so that no picture is ever used for two purposes."""

PARTS_OF_A_LINE = 1_000_000
LINES = 1_000_000

SAMPLES = 10**15
"""The pictures in `sample_images/`."""
TRAINING = 2 * 10**15
"""What the shipped models learned from."""
HELD_OUT = 3 * 10**15
"""What their temperature, limits and int8 ranges were chosen on."""
ACCEPTANCE = 4 * 10**15
"""What the acceptance command judges them by."""


def part_seed(line: int, n: int) -> int:
    """The seed of the n-th part of the synthetic line `line`, 0 <= line < LINES."""
    return line * PARTS_OF_A_LINE + n % PARTS_OF_A_LINE
