"""`python -m models.train.board`: the demo board's tools taught from rendered boards; its recipe.

Needs nothing but the station; a minute or two on one core. What is taught lies in
`models/board_locate/1` and `models/board_presence/1`, the recipe in `sample_images/board`.
"""

import argparse
import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2

from station.core.plugin import Site, Tool, parse
from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe, prepare, write_recipe
from station.core.region import Rectangle
from station.sources.synthetic.board import render_board, upright_pose
from station.sources.synthetic.board_bill import bill, name_of
from station.sources.synthetic.board_plan import (
    CODE,
    FREE,
    GTIN,
    HEIGHT_PX,
    POSITIONS,
    TEXT,
    WIDTH_PX,
)
from station.sources.synthetic.seeds import HELD_OUT, TRAINING
from station.teach.health import teach_health
from station.teach.locate import LocateLesson, teach_locate
from station.teach.presence import PresenceLesson, teach_presence
from station.vision.taught import TaughtCard

_LOG = logging.getLogger(__name__)
_MODELS = Path(__file__).parents[1].resolve()
_RECIPE = _MODELS.parent / "sample_images" / "board" / "recipe.json"
_COMPLETE, _OF_EACH_STATE, _HEALTHY = 16, 2, 24
"""Every other picture is a JPEG, as the bundled ones are: it takes the noise from empty places."""
_LOT = Rectangle(x=TEXT.x, y=TEXT.y, width=220, height=TEXT.height)
_SERIAL = Rectangle(x=TEXT.x + 222, y=TEXT.y, width=TEXT.width - 222, height=TEXT.height)
_REASONS = (
    Reason(code="missing_component", text="a component is missing", severity="critical"),
    Reason(code="wrong_component", text="another component than planned", severity="critical"),
    Reason(code="shifted_component", text="a component is off its place", severity="major"),
    Reason(code="extra_component", text="a component where none is planned", severity="major"),
    Reason(
        code="reversed_component",
        text="a polar component is the wrong way round, or another one",
        severity="critical",
    ),
    Reason(code="wrong_text", text="the print does not say what the code says", severity="major"),
    Reason(code="text_unreadable", text="the print cannot be read surely", severity="major"),
    Reason(code="text_missing", text="there is no print", severity="major"),
    Reason(
        code="wrong_code", text="the code is another product's, or unsound", severity="critical"
    ),
    Reason(code="code_missing", text="there is no code", severity="major"),
    Reason(code="code_unreadable", text="the code cannot be read", severity="major"),
    Reason(code="code_poor", text="the code is printed badly", severity="minor"),
    Reason(code="part_unclear", text="the board is half hidden", severity="major"),
)


def main() -> None:
    """Render, teach, and write the recipe; what was taught before is replaced."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, default=Path("build/board"), help="rendered boards")
    asked = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)
    shutil.rmtree(asked.work, ignore_errors=True)
    asked.work.mkdir(parents=True)
    # Cards name the pictures they were made from; relative to here, so no machine shows in them.
    with contextlib.chdir(asked.work):
        _render()
        cards = _taught()
        recipe = _recipe(*cards)
    write_recipe(recipe, _RECIPE)
    _LOG.info("%s: hash %s", _RECIPE, recipe.hash[:12])


def _render() -> None:
    """Pictures below `rendered/`: complete boards, polar components reversed, other components."""
    seeds = iter(range(TRAINING, TRAINING + 1000))
    for number in range(_COMPLETE):
        _save("rendered/ok", next(seeds), upright=number == 0)
    for at in POSITIONS:
        for _ in range(_OF_EACH_STATE):
            if at.is_polar:
                _save(f"rendered/reversed/{name_of(at)}", next(seeds), "reversed", at.name)
            if at.wrong is not None:
                _save(f"rendered/another/{name_of(at)}", next(seeds), "wrong", at.name)
    for seed in range(HELD_OUT, HELD_OUT + _HEALTHY):
        _save("healthy", seed)
    Path("positions.toml").write_text(bill(), "utf-8")


def _save(
    folder: str, seed: int, fault: str = "", position: str | None = None, *, upright: bool = False
) -> None:
    defect = f"{fault}_component" if fault else None
    pose = upright_pose() if upright else None
    board = render_board(seed=seed, defect=defect, position=position, pose=pose)
    suffix, how = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 75]) if seed % 2 else (".png", [])
    path = Path(folder) / f"rendered_board_{seed}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), board.image, how)


def _taught() -> tuple[TaughtCard, TaughtCard]:
    for name in ("board_locate", "board_presence"):
        shutil.rmtree(_MODELS / name, ignore_errors=True)
    corner = upright_pose()
    view = Rectangle(x=corner.x, y=corner.y, width=WIDTH_PX, height=HEIGHT_PX)
    where = teach_locate(
        LocateLesson(source=Path("rendered/ok"), name="board_locate", region=view), (_MODELS,)
    )
    _LOG.info("%s: %s", where.card.reference, where.trial)
    what = teach_presence(
        PresenceLesson(
            folder=Path("rendered"),
            name="board_presence",
            positions=Path("positions.toml"),
            locate="board_locate",
        ),
        (_MODELS,),
    )
    for warning in what.warnings:
        _LOG.warning("%s", warning)
    _LOG.info("%s: %d pictures", what.card.reference, what.pictures)
    return where.card, what.card


def _recipe(locate: TaughtCard, presence: TaughtCard) -> Recipe:
    site = Site(model_dirs=(_MODELS,))
    health = teach_health(sorted(Path("healthy").iterdir()))
    _LOG.info("health: %s, held out %s", health.limits, health.held_out_faults)
    tools = tuple(parse(Tool, entry) for entry in _tools(locate, presence))
    recipe = new_recipe(
        "board",
        tools,
        _REASONS,
        product_id="board",
        description="Circuit board on its tray: 24 components, lot and serial number, DataMatrix.",
        health=health.limits,
    )
    prepare(recipe, site)
    return recipe


def _tools(locate: TaughtCard, presence: TaughtCard) -> Iterator[dict[str, object]]:
    yield {
        "kind": "locate",
        "name": "board",
        "taught": locate.reference,
        "taught_hash": locate.hash,
        "angle_range_deg": (-20, 20),
        "scale_range": (0.94, 1.06),
    }
    yield {
        "kind": "presence",
        "name": "components",
        "taught": presence.reference,
        "taught_hash": presence.hash,
        "reasons": dict(_codes()),
    }
    yield {
        "kind": "read_code",
        "name": "code",
        "symbologies": ["data_matrix"],
        "region": asdict(CODE),
        "gs1": True,
        "required_identifiers": ["01", "10", "21"],
        "pattern": f"01{GTIN}10[A-Z][0-9]{{4}}\x1d21[0-9]{{6}}",
        "wrong_reason": "wrong_code",
    }
    yield {
        "kind": "read_text",
        "name": "print",
        "ink": "light",
        "fields": [
            {
                "name": "lot",
                "kind": "lot",
                "label": "LOT",
                "pattern": "[A-Z][0-9]{4}",
                "equal_to": "code.10",
                "region": asdict(_LOT),
            },
            {
                "name": "serial",
                "kind": "number",
                "label": "SN",
                "pattern": "[0-9]{6}",
                "equal_to": "code.21",
                "region": asdict(_SERIAL),
            },
        ],
        "wrong_reason": "wrong_text",
        "mismatch_reason": "wrong_text",
        "date_reason": "wrong_text",
        "expired_reason": "wrong_text",
    }


def _codes() -> Iterator[tuple[str, str]]:
    """What each position's finding is called in this recipe: by the kind of fault."""
    for at in (*POSITIONS, *FREE):
        name = name_of(at)
        if at.part is None:
            yield f"{name}_extra", "extra_component"
            continue
        yield f"{name}_missing", "missing_component"
        yield f"{name}_wrong", "reversed_component" if at.is_polar else "wrong_component"
        yield f"{name}_shifted", "shifted_component"


if __name__ == "__main__":
    main()
