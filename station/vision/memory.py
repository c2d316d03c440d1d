"""Keeping the memory of pictures, so that every picture does not pay for fresh pages."""

import ctypes
import sys

PICTURE_BYTES = 32 * 1024 * 1024
"""Blocks up to this size (the most glibc allows) are reused, not given back and asked for again."""

KEPT_BYTES = 128 * 1024 * 1024
"""How much freed memory a heap keeps before it gives some back."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_picture_memory() -> bool:
    """Tell glibc's allocator to keep freed pictures for the next ones; False where it is another.

    By default a 4 MB picture costs a thousand page faults, each time: 2-5 ms of a picture's 15.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, PICTURE_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
    )
