"""The text-detection net that lies inside the installed rapidocr; used in place, never copied."""

import importlib.util
from pathlib import Path

from station.core.errors import ModelError
from station.vision.model import sha256_of

KNOWN_FILES = {
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f": "PP-OCRv6_det_small",
}
"""sha256 -> name of the nets that were tried as feature nets."""


def ocr_file(folder: Path | None = None) -> tuple[Path, str]:
    """The net's file and its name; `folder` is rapidocr's `models` unless given.

    Raises:
        ModelError: rapidocr is not installed, or holds no net that is known.
    """
    folder = folder or _models_folder()
    candidates = sorted(folder.glob("*det*.onnx"))
    for path in candidates:
        name = KNOWN_FILES.get(sha256_of(path.read_bytes()))
        if name:
            return path, name
    found = ", ".join(path.name for path in candidates) or "none"
    raise ModelError(
        f"the installed rapidocr holds no text-detection net that is known (found: {found}; "
        f"known: {', '.join(KNOWN_FILES.values())}); install the version the lock file names, or "
        "teach with --features and a file of your own"
    )


def _models_folder() -> Path:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "the feature net `ocr` needs the package rapidocr, which is not installed; install "
            "it, or teach with --features and a file of your own"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "models"
