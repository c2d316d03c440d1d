"""A plug-in in a package of its own is found without editing the station."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "third_party"

USE_IT = """
from datetime import UTC, datetime
import numpy as np
from station.core.frame import Frame, Job
from station.core.plugin import Site, Tool, discover, parse
from station.core.reasons import Reason
from station.core.recipe import new_recipe, prepare
from station.inspection import inspect

print(sorted(discover(Tool)))
tool = parse(Tool, {"kind": "brightness", "name": "light", "darkness_at_most": 0.4})
recipe = new_recipe("r", (tool,), (Reason(code="too_dark", text="turn on the lamp"),))
prepared = prepare(recipe, Site(model_dirs=()))
for grey in (200, 60):
    noise = np.random.default_rng(0).integers(grey - 20, grey + 20, (40, 40), np.uint8)
    frame = Frame(image=noise, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    print(inspect(frame, prepared, Job()).passed)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example built and unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(code: str, site: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_found_configured_and_used(site: Path) -> None:
    done = python(USE_IT, site)
    assert done.returncode == 0, done.stderr
    kinds, bright, dark = done.stdout.splitlines()
    assert "'brightness'" in kinds
    assert "'classify'" in kinds
    assert (bright, dark) == ("True", "False")


def test_one_that_does_not_import_stops_the_start_with_its_name(site: Path, tmp_path: Path) -> None:
    for path in site.glob("*.dist-info"):
        (tmp_path / path.name).mkdir()
        for file in path.iterdir():
            (tmp_path / path.name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "station_brightness.py").write_text("import no_such_library\n")
    done = python("from station.core.plugin import Tool, discover; discover(Tool)", tmp_path)
    assert done.returncode != 0
    assert "plug-in brightness (station_brightness) does not import" in done.stderr
    assert "no_such_library" in done.stderr
