"""Nothing that is imported keeps a diary of its use, or tells anybody."""

import os
import subprocess
import sys
from pathlib import Path


def test_loading_a_model_leaves_nothing_in_the_users_home(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from station.vision.model import load_model; "
        "load_model(Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tiny_model_dir / "bright" / "1")],
        env={**os.environ, "HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "0"},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []
