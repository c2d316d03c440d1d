"""A folder that is there whole, or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from station.line.batch_store import unwritable


@contextmanager
def draft_of(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all went well, and is gone when not.

    Raises:
        JournalError: it cannot be made, or `out` cannot be taken.
    """
    whole = out.absolute()
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{whole.name}.", dir=whole.parent))
    except OSError as error:
        raise unwritable(out, error) from error
    try:
        yield draft
        _put(draft, whole)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, whole: Path) -> None:
    try:
        draft.chmod(0o755)
        if whole.is_dir():
            whole.rmdir()
        draft.replace(whole)
    except OSError as error:
        raise unwritable(whole, error) from error
