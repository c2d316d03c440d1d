"""`station sample`: the rendered pictures of the demo products."""

from pathlib import Path
from typing import Annotated

import typer

from station.core.errors import SettingsError
from station.sources.synthetic import render_samples

app = typer.Typer(help="The rendered sample pictures.", no_args_is_help=True, add_completion=False)


@app.callback()
def sample() -> None:
    """The rendered sample pictures."""


@app.command("render")
def render(
    out: Annotated[Path, typer.Option(help="Where to write them.")] = Path("sample_images"),
) -> None:
    """Render the sample pictures again, bit for bit."""
    try:
        written = render_samples(out)
    except OSError as error:
        raise SettingsError(f"cannot write below {out}: {error.strerror}") from error
    size = sum(path.stat().st_size for path in written)
    typer.echo(f"{len(written)} files, {size / 1e6:.1f} MB, below {out}")
