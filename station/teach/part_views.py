"""Pictures to teach from as the tools will see them: whole, or one view of each located part."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from station.core.errors import PictureError, StationError, TeachError
from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool, parse
from station.inspection import part_views
from station.vision.images import find_pictures, read_image


def read_views(
    paths: Sequence[Path], site: Site, *, locate: str = ""
) -> Iterator[tuple[Path, Frame]]:
    """Every picture, or with `locate` (the name of what `teach locate` made) each part in it.

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


def _finder(name: str, site: Site) -> Check:
    return parse(Tool, {"kind": "locate", "name": "locate", "taught": name}).prepare(site)
