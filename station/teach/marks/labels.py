"""Label files, whichever program wrote them: told apart by what is in them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from station.core.errors import TeachError
from station.teach.marks.coco import is_coco, read_coco
from station.teach.marks.files import CLASSES_FILE, Pile, named
from station.teach.marks.labelme import is_labelme, read_labelme
from station.teach.marks.shapes import Drawing
from station.teach.marks.yolo import is_yolo, read_yolo


def read_labels(pile: Pile) -> Iterator[tuple[Path, Drawing]]:
    """Each picture with the drawing a label file holds for it.

    Raises:
        TeachError: a file is broken, of no known kind, or belongs to no picture.
    """
    strays = []
    for path in pile.jsons:
        content = _read_json(path)
        if is_coco(content):
            yield from read_coco(path, content, pile)
        elif not is_labelme(content):
            raise TeachError(
                f"{path} is neither COCO (images, annotations, categories) nor labelme (shapes); "
                "take it out of the folder, or export the labels as one of these"
            )
        elif (picture := pile.picture_of(path)) is None:
            strays.append(path)
        else:
            yield from read_labelme(path, content, picture)
    for path in pile.texts:
        if path.name == CLASSES_FILE or not is_yolo(path):
            continue
        picture = pile.picture_of(path)
        if picture is None:
            strays.append(path)
        else:
            yield from read_yolo(path, picture, pile)
    if strays:
        raise TeachError(
            f"{len(strays)} label files have no picture: {named(strays, pile.root)}; a label file "
            "is called as its picture is; put the picture there or take the file out"
        )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TeachError(f"{path} is no whole JSON ({error}); export the labels again") from error
    except OSError as error:
        raise TeachError(f"{path} cannot be read: {error.strerror}") from error
