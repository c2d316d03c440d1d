"""What tools were taught, as `station model` lists, shows and checks it beside the nets."""

from collections.abc import Iterator
from pathlib import Path

from station.cli.home import model_dirs
from station.core.errors import ModelError
from station.vision.card import find_model, list_models
from station.vision.taught import (
    ARRAYS_FILE,
    TAUGHT_FILE,
    TaughtCard,
    load_taught,
    read_taught_card,
)


def taught_rows() -> Iterator[tuple[str, ...]]:
    """A row of `station model list` for each.

    Raises:
        ModelError: a card is broken; says which.
    """
    dirs = model_dirs()
    for reference in list_models(dirs, TAUGHT_FILE):
        folder = find_model(reference, dirs, file=TAUGHT_FILE)
        card = read_taught_card(folder)
        size = f"{(folder / ARRAYS_FILE).stat().st_size / 1e6:.2f}"
        yield reference, card.task, "", size, card.created_at.date().isoformat(), ""


def taught_folder(model: str) -> Path | None:
    """The folder of what a tool was taught, by name, name/version or path; None if it is none."""
    path = Path(model)
    if (path / TAUGHT_FILE).is_file():
        return path
    try:
        return find_model(model, model_dirs(), file=TAUGHT_FILE)
    except ModelError:
        return None


def taught_lines(card: TaughtCard) -> Iterator[tuple[str, str]]:
    """What `station model show` prints."""
    yield "taught", f"{card.reference}, for the tool {card.task}"
    yield "description", card.description or "-"
    yield "made", f"{card.created_at:%Y-%m-%d %H:%M} UTC"
    yield "hash", card.hash
    for name, value in (*card.settings.items(), *card.training.items()):
        yield name, str(value)


def check_taught(folder: Path) -> Iterator[str]:
    """Prove that card and arrays agree; one line for each thing that is right.

    Raises:
        ModelError: they do not.
    """
    card = read_taught_card(folder)
    root = folder.parent.parent
    taught = load_taught(card.reference, [root], task=card.task)
    yield f"card: {card.reference}, for the tool {card.task}"
    yield f"sha256: {card.sha256}"
    for name, array in sorted(taught.arrays.items()):
        yield f"array: {name} {list(array.shape)} {array.dtype}"
