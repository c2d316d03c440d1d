"""Pictures to teach from as the tools will see them: whole, or one view of each located part."""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.core.errors import PictureError, StationError, TeachError
from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool, parse
from station.inspection import part_views
from station.vision.images import find_pictures, read_image


def read_views(
    paths: Sequence[Path], site: Site, *, locate: str = ""
) -> Iterator[tuple[Path, Frame]]:
    """Every picture, or with `locate` each part in it.

    `locate` is the name of what `teach locate` made, or a recipe's draft (.toml) whose tool locates
    with the settings it will have there.

    Raises:
        TeachError: a picture cannot be read, or its part is not found; says which.
    """
    check = _finder(locate, site) if locate else None
    for number, path in enumerate(paths, 1):
        try:
            frame = Frame(
                image=read_image(path),
                camera_id=site.configuration.camera_id,
                sequence=number,
                acquired_at=datetime.now(UTC),
                origin=str(path),
            )
            views = part_views(frame, check.find if check else None, site.configuration)
        except (PictureError, StationError) as error:
            raise TeachError(f"{path}: {error}; repair or remove the picture") from error
        for view in views:
            yield path, view


def pictures_at(source: Path) -> list[Path]:
    """One picture, or every picture below a folder.

    Raises:
        TeachError: there is neither.
    """
    return [source] if source.is_file() else pictures_in(source)


def pictures_in(folder: Path) -> list[Path]:
    """Every picture below a folder.

    Raises:
        TeachError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise TeachError(f"there is no folder {folder}")
    found = list(find_pictures(folder))
    if not found:
        raise TeachError(f"there are no pictures below {folder}")
    return found


def _finder(locate: str, site: Site) -> Check:
    entry = {"kind": "locate", "name": "locate", "taught": locate}
    if locate.endswith(".toml"):
        entry = _drafted(Path(locate))
    return parse(Tool, entry).prepare(site)


def _drafted(path: Path) -> dict[str, Any]:
    """The tool of a draft that locates.

    Raises:
        TeachError: there is no such draft, or it has none or several.
    """
    try:
        tools = tomllib.loads(path.read_text("utf-8")).get("tools", [])
    except (OSError, ValueError) as error:
        raise TeachError(f"cannot read the draft {path}: {error}") from error
    found = [dict(tool) for tool in tools if str(tool.get("kind")).startswith("locate")]
    if len(found) != 1:
        raise TeachError(f"draft {path} has {len(found)} tools that locate; it needs one")
    return found[0]
