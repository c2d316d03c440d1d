"""`station recipe`: make, check, show and compare recipes."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from station.cli.home import Camera, model_dirs, told_site
from station.cli.recipe_drafts import read_draft
from station.cli.recipe_edits import apply_edits, differences
from station.cli.recipe_files import find_recipe, own_recipe_path
from station.cli.recipe_health import shown_bands, teach_health
from station.cli.recipe_versions import after_latest, keep_earlier, stamped
from station.core.errors import RecipeError
from station.core.plugin import Site
from station.core.recipe import (
    PreparedRecipe,
    Recipe,
    prepare,
    read_recipe,
    read_unsealed,
    write_recipe,
)
from station.core.region import Rectangle
from station.quality.statistics import percent_up
from station.tools.plain import plain_recipe
from station.vision.card import find_model, read_card

app = typer.Typer(
    help="Make, check, show and compare recipes.", no_args_is_help=True, add_completion=False
)

app.command("teach-health")(teach_health)

Which = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file or a recipe's id.")]


@app.command()
def new(
    name: Annotated[str | None, typer.Argument(help="The id of the new recipe.")] = None,
    model: Annotated[str | None, typer.Option(help="The classifier: name or name/version.")] = None,
    product: Annotated[str, typer.Option(help="Jobs for other products are refused.")] = "",
    region: Annotated[str | None, typer.Option(help="Where to look: x,y,w,h in pixels.")] = None,
    accept: Annotated[float | None, typer.Option(help="OK up to this score.")] = None,
    reject: Annotated[float | None, typer.Option(help="NOT OK from this score.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="A draft (.toml), or a recipe to take over as the next version."
        ),
    ] = None,
    edits: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change it on the way: tools.surface.accept_limit=0.1"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write here and not to recipes/NAME.json.")
    ] = None,
    camera: Camera = "camera",
) -> None:
    """Make a recipe around a model, from a draft, or the next version; written only if it works."""
    if (model is None) == (source is None):
        raise RecipeError("say what the recipe is made from: --model NAME, or --from FILE")
    place = told_site(camera)
    if source is not None:
        if product or region or accept is not None or reject is not None:
            raise RecipeError("with --from, change settings with --set path=value")
        recipe = _next_version(source, name, edits or [], out, place)
    else:
        if edits:
            raise RecipeError("--set goes with --from; give --region, --accept and --reject here")
        recipe = _around_model(str(model), name, product, region, (accept, reject), out)
    prepare(recipe, place)
    path = out or own_recipe_path(recipe.recipe_id)
    keep_earlier(path)
    write_recipe(recipe, path)
    typer.echo(f"{path}: {recipe.recipe_id} version {recipe.version}, hash {recipe.hash[:12]}")


@app.command()
def check(which: Which, camera: Camera = "camera") -> None:
    """Load a recipe, its models by hash and its tools, and say OK or what is wrong."""
    path = find_recipe(which)
    recipe, content_hash, written_hash = read_unsealed(path)
    prepared = prepare(recipe, told_site(camera))
    if written_hash != content_hash:
        read_recipe(path)  # says so, and what to do
    typer.echo(f"OK: {path}: {recipe.recipe_id} version {recipe.version}, hash {recipe.hash}")
    for reference, sha256 in prepared.models.items():
        typer.echo(f"    model {reference}, sha256 {sha256}")
    typer.echo(f"    {_qualified_words(prepared)}")


@app.command()
def show(which: Which) -> None:
    """A recipe as tables."""
    path = find_recipe(which)
    recipe, content_hash, written_hash = read_unsealed(path)
    console = Console(soft_wrap=False)
    console.print(_facts(recipe, path))
    console.print(_tools(recipe))
    console.print(_reasons(recipe))
    if written_hash != content_hash:
        console.print("[red]changed since the station wrote it; it will not be used like this")


@app.command()
def diff(first: Which, second: Which) -> None:
    """What changed from one recipe to another, in words."""
    before = read_unsealed(find_recipe(first))[0]
    after = read_unsealed(find_recipe(second))[0]
    lines = differences(before, after)
    for line in lines or ["nothing that could change an answer"]:
        typer.echo(line)


def _qualified_words(prepared: PreparedRecipe) -> str:
    proof = prepared.recipe.qualification
    if proof is None:
        return "not qualified; `station qualify` tests it on labelled pictures"
    if not prepared.is_qualified:
        return "not qualified: what it was qualified with is not what is here; qualify it again"
    return (
        f"qualified {proof.qualified_at:%Y-%m-%d}: {proof.escapes} of {proof.n_bad} bad parts "
        f"passed, escape rate below {percent_up(proof.escape_upper_95)} with 95 % confidence"
    )


def _around_model(
    model: str,
    name: str | None,
    product: str,
    region: str | None,
    limits: tuple[float | None, float | None],
    out: Path | None,
) -> Recipe:
    card = read_card(find_model(model, model_dirs()))
    path = out or own_recipe_path(name or card.name)
    if path.exists():
        raise RecipeError(
            f"{path} is there already; make its next version with --from {path}, or give --out"
        )
    recipe = plain_recipe(
        card,
        recipe_id=name or card.name,
        product_id=product,
        region=None if region is None else _rectangle(region),
        accept_limit=limits[0],
        reject_limit=limits[1],
    )
    return stamped(recipe, version=1)


def _next_version(
    source: str, name: str | None, edits: list[str], out: Path | None, place: Site
) -> Recipe:
    recipe = _taken_from(source, name, out, place)
    recipe = apply_edits(recipe, edits, model_dirs())
    if name is not None and name != recipe.recipe_id:
        recipe = recipe.model_copy(update={"recipe_id": name, "version": 0})
    return after_latest(recipe, out or own_recipe_path(recipe.recipe_id))


def _taken_from(source: str, name: str | None, out: Path | None, place: Site) -> Recipe:
    """The recipe of a draft, at the version there is of it already (0: none), or one there is."""
    if not source.endswith(".toml"):
        return read_unsealed(find_recipe(source))[0]
    recipe = read_draft(Path(source), name or Path(source).stem, place)
    path = out or own_recipe_path(recipe.recipe_id)
    version = read_unsealed(path)[0].version if path.exists() else 0
    return recipe.model_copy(update={"version": version})


def _rectangle(text: str) -> Rectangle:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
        return Rectangle(x=x, y=y, width=width, height=height)
    except ValueError as error:
        raise RecipeError(
            f"--region {text!r} must be x,y,w,h in pixels, as in 100,50,640,480 ({error})"
        ) from error


def _facts(recipe: Recipe, path: Path) -> Table:
    table = Table(title=f"{recipe.recipe_id} version {recipe.version}", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in (
        ("file", path),
        ("hash", recipe.hash),
        ("product", recipe.product_id or "any"),
        ("made", f"{recipe.created_at:%Y-%m-%d %H:%M} UTC"),
        ("description", recipe.description or "-"),
        ("qualification", _carried_words(recipe)),
        ("healthy image", shown_bands(recipe.health)),
    ):
        table.add_row(name, escape(str(value)))
    return table


def _carried_words(recipe: Recipe) -> str:
    proof = recipe.qualification
    if proof is None:
        return "none"
    return (
        f"of {proof.qualified_at:%Y-%m-%d %H:%M} UTC, {proof.escapes} of {proof.n_bad} bad parts "
        f"passed; `station recipe check` says whether it holds here"
    )


def _tools(recipe: Recipe) -> Table:
    table = Table("tool", "kind", "setting", title="Tools")
    table.add_column("value", overflow="fold")
    for tool in recipe.tools:
        label, kind = tool.name, tool.kind
        for name, value in tool.as_entry().items():
            if name not in ("name", "kind") and value is not None:
                table.add_row(label, kind, name, escape(str(value)))
                label = kind = ""
    return table


def _reasons(recipe: Recipe) -> Table:
    table = Table("reason code", "text", "severity", title="Reasons")
    for reason in recipe.reasons:
        table.add_row(reason.code, escape(reason.text), reason.severity)
    return table
