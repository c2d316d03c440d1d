"""What holds for every kind of source, tool and sink there is."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import cv2
import pytest
from pydantic import ValidationError

from station.core.errors import AcquisitionError, NoFrameError, PartNotFoundError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Plugin, Sink, Site, Source, Tool, discover, parse
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import ResultState
from station.inspection import unanswered
from station.vision.frames import decoded
from station.vision.images import encode_jpeg
from tests.sinks.receivers import CsvFile, Receiver, mqtt_receiver, web_receiver
from tests.sources.fake_gige import ADDRESS, fake_gige
from tests.sources.vendor import emulated_cameras, simulated_producer

BUILT_IN = [
    (family, kind)
    for family in (Source, Tool, Sink)
    for kind, found in sorted(discover(family).items())
    if found.__module__.startswith("station.")
]
SINKS = [kind for family, kind in BUILT_IN if family is Sink]
SOURCES = [kind for family, kind in BUILT_IN if family is Source]

WAITING = {"upload", "ftp"}
"""Sources to which somebody else must send the picture."""

VENDOR_SETTINGS: dict[str, Callable[[], dict[str, Any]]] = {
    "genicam": lambda: {"producer": simulated_producer(), "serial": "0", "pixel_format": "Mono8"},
    "basler": lambda: {"emulate": emulated_cameras(), "serial": "0815-0000"},
}
"""Sources that need a vendor's library: skipped without it, but not in CI."""


@pytest.fixture
def entry_of(tmp_path: Path, draw_part: Callable[..., Image]) -> Callable[[str], dict[str, Any]]:
    """Settings with which a kind works here."""
    picture = tmp_path / "pictures" / "a.jpg"
    picture.parent.mkdir()
    picture.write_bytes(encode_jpeg(draw_part(90)))
    record = tmp_path / "results.jsonl"
    record.write_text(json.dumps({"origin": "a.jpg", "passed": True}) + "\n")
    settings: dict[str, dict[str, Any]] = {
        "folder": {"path": picture.parent},
        "camera": {"device": _video(tmp_path, draw_part)},
        "aravis": {"camera": ADDRESS, "region": {"width": 128, "height": 128}},
        "upload": {},
        "ftp": {"path": tmp_path / "spool", "port": 0, "user": "camera", "password": "secret"},
        "faulty_camera": {"of": {"kind": "folder", "path": picture.parent}},
        "watch": {"path": picture.parent, "settle_ms": 0},
        "replay": {"results": record, "pictures": picture.parent},
        "synthetic": {"product": "ring", "rate_per_s": 0},
        "classify": {"name": "surface", "model": "bright/1"},
        "anomaly": {"name": "surface", "model": "odd/1"},
        "detect": {"name": "parts", "model": "squares/1"},
        "segment": {"name": "stains", "model": "stains/1"},
        "read_code": {"name": "code", "symbologies": ["data_matrix", "code128"]},
        "locate": {"name": "where", "taught": "bracket/1"},
        "locate_circle": {
            "name": "where",
            "circle": {"x": 30, "y": 20, "radius_px": 12},
            "view": {"x": 0, "y": 0, "width": 60, "height": 40},
        },
        "locate_code": {
            "name": "where",
            "symbologies": ["qr_code"],
            "x": 30,
            "y": 20,
            "view": {"x": 0, "y": 0, "width": 60, "height": 40},
        },
        "locate_edges": {
            "name": "where",
            "first": {"start": [20, 15], "end": [50, 15], "reach_px": 8, "count": 4},
            "second": {"start": [20, 15], "end": [20, 40], "reach_px": 8, "count": 4},
            "view": {"x": 0, "y": 0, "width": 60, "height": 40},
        },
        "measure": {
            "name": "size",
            "features": {
                "hole": {
                    "kind": "circle",
                    "centre": (32, 24),
                    "radius_px": 12,
                    "reach_px": 8,
                    "count": 12,
                }
            },
            "measurements": {
                "hole_diameter": {
                    "size": "diameter",
                    "of": ["hole"],
                    "unit": "px",
                    "nominal": 24,
                    "tolerance_plus": 1,
                }
            },
        },
        "presence": {"name": "bill", "taught": "corner/1"},
        "colour": {"name": "paint", "taught": "grey/1"},
        "compare": {"name": "print", "taught": "board/1"},
        "blob": {"name": "holes", "count_at_least": 0, "count_at_most": 3},
        "read_text": {"name": "label", "fields": [{"name": "lot", "kind": "lot"}]},
        "rehearsal": {"name": "drill"},
        "csv": {"path": tmp_path / "out.csv"},
        "webhook": {"url": "http://127.0.0.1:9/results"},
        "mqtt": {"port": 9},
    }

    def entry(kind: str) -> dict[str, Any]:
        vendor = VENDOR_SETTINGS.get(kind)
        return {"kind": kind, **(vendor() if vendor else settings[kind])}

    return entry


def _video(folder: Path, draw_part: Callable[..., Image]) -> str:
    path = str(folder / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(draw_part(90))
    writer.release()
    return path


@pytest.mark.parametrize(("family", "kind"), BUILT_IN)
def test_settings(
    family: type[Plugin], kind: str, entry_of: Callable[[str], dict[str, Any]]
) -> None:
    plugin = parse(family, entry_of(kind))
    assert plugin.kind == kind
    assert type(plugin).__doc__
    again = parse(family, json.loads(json.dumps(plugin.as_entry())))
    assert again == plugin
    assert type(plugin).model_json_schema()["additionalProperties"] is False
    with pytest.raises(ValueError, match="not a setting"):
        parse(family, {**entry_of(kind), "no_such_setting": 1})
    with pytest.raises(ValidationError):
        plugin.camera_id = "x"  # type: ignore[attr-defined]


@pytest.fixture
def plugged_in(request: pytest.FixtureRequest) -> Iterator[None]:
    """The camera a kind of source needs."""
    with fake_gige() if request.getfixturevalue("kind") == "aravis" else nullcontext():
        yield


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.usefixtures("plugged_in")
def test_sources(kind: str, entry_of: Callable[[str], dict[str, Any]]) -> None:
    source = parse(Source, {**entry_of(kind), "camera_id": "cam7"})
    feed = source.open()
    try:
        frame = feed.grab(0.2 if kind in WAITING else 5)
    except NoFrameError:
        assert kind in WAITING
    else:
        assert frame is not None
        frame = decoded(frame)
        assert isinstance(frame, Frame)
        assert frame.camera_id == "cam7"
        assert frame.sequence == 1
        assert frame.acquired_at.tzinfo is not None
        assert not frame.image.flags.writeable
        assert frame.image.flags.c_contiguous
        assert frame.origin
    feed.close()
    feed.close()


@pytest.mark.parametrize("kind", ["folder", "camera", "replay", "watch"])
def test_a_source_that_cannot_be_opened_says_what_and_which(
    kind: str, entry_of: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    where = {"camera": "device", "replay": "pictures"}.get(kind, "path")
    with pytest.raises(AcquisitionError, match="gone"):
        parse(Source, {**entry_of(kind), where: str(gone)}).open()


def test_tools(
    entry_of: Callable[[str], dict[str, Any]],
    tiny_model_dir: Path,
    draw_part: Callable[..., Image],
) -> None:
    for family, kind in BUILT_IN:
        if family is not Tool:
            continue
        check = parse(Tool, entry_of(kind)).prepare(Site(model_dirs=(tiny_model_dir,)))
        for image in (draw_part(90), draw_part(170, (300, 200), colour=kind == "colour")):
            frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=Job().triggered_at)
            if check.find and check.find(frame).problem:
                with pytest.raises(PartNotFoundError):
                    check.run(frame)
                continue
            findings = check.run(frame)
            assert findings
            assert check.run(frame) == findings
            assert {f.reason_code for f in findings} <= {None, *check.reason_codes}


def test_sinks(
    entry_of: Callable[[str], dict[str, Any]],
    receivers: dict[str, Receiver],
    tiny_prepared: PreparedRecipe,
) -> None:
    results = [
        unanswered(Job(), tiny_prepared, ResultState.ABORTED, StationReason.OVERRUN)
        for _ in range(3)
    ]
    for kind in SINKS:
        receiver = receivers[kind]
        delivery = parse(Sink, {**entry_of(kind), **receiver.settings}).open()
        for result in results:
            delivery.deliver(result, None)
        delivery.close()
        assert receiver.job_ids(3) == [result.job_id for result in results], kind
        delivery = parse(Sink, {**entry_of(kind), **receiver.settings, "name": "x"}).open()
        delivery.deliver(results[-1], None)  # as after a crash
        delivery.close()
        assert list(dict.fromkeys(receiver.job_ids(3))) == [r.job_id for r in results], kind


def test_every_sink_has_a_receiver(receivers: dict[str, Receiver]) -> None:
    assert set(receivers) == set(SINKS)


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[dict[str, Receiver]]:
    """For every kind of sink something real that takes its results."""
    with ExitStack() as opened:
        yield {
            "csv": CsvFile(tmp_path / "out.csv"),
            "webhook": opened.enter_context(web_receiver()),
            "mqtt": opened.enter_context(mqtt_receiver(tmp_path)),
        }
