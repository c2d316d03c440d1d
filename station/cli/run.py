"""`station run` and `station demo`: the whole station, supervised."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from station.cli.child import Child
from station.cli.home import home
from station.cli.supervisor import Supervisor
from station.core.errors import SettingsError
from station.core.files import write_whole
from station.core.sockets import name_of
from station.line.settings import ApiSettings, PlcSettings, StationSettings, read_settings

DEMO_PRODUCTS = ("ring", "cap", "board", "label")
DEMO_RATE_PER_S = 5.0
DEMO_TOML = """\
# Written by `station demo`: a line of rendered parts. Copy it to station.toml to make it yours.
name = "demo line"

[line]
recipe = "{product}"
workers = 2
trigger_mode = "{trigger_mode}"

[source]
kind = "synthetic"
product = "{product}"
rate_per_s = {rate}
defect_rate = 0.1
seed = {seed}
prerendered = {prerendered}

[journal]
keep = "not_ok"
max_age_days = 1

[api]
port = {port}

[hmi]
enabled = {hmi}
port = {hmi_port}

[plc]
port = {plc_port}
recipes = {{ 1 = "{product}" }}
"""

Seconds = Annotated[float | None, typer.Option(min=0.1, help="End by itself after this time.")]
NoHmi = Annotated[bool, typer.Option("--no-hmi", help="Without the operator's page.")]


def run(
    settings: Annotated[Path, typer.Argument(help="The station's settings.")] = Path(
        "station.toml"
    ),
    seconds: Seconds = None,
    no_hmi: NoHmi = False,
) -> None:
    """Run the station: the line with its API, and the operator's page."""
    if not settings.is_file():
        raise SettingsError(
            f"there is no {settings}; `station demo` writes an example to var/demo/station.toml, "
            "and `station settings` prints all there is to set"
        )
    _run(settings, home() / "var", seconds=seconds, with_hmi=not no_hmi)


def demo(
    seconds: Seconds = None,
    no_hmi: NoHmi = False,
    plc: Annotated[bool, typer.Option("--plc", help="A part comes when a PLC triggers.")] = False,
    product: Annotated[str, typer.Option(help="ring, cap, board or label")] = "ring",
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=200, help="Parts per second; 5 if left out.")
    ] = None,
    prerendered: Annotated[
        int, typer.Option(min=0, max=2000, help="Render so many parts beforehand.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, max=999, help="Another seed, other parts.")] = 0,
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8470,
    hmi_port: Annotated[int, typer.Option(help="Port of the operator's page.")] = 8471,
    plc_port: Annotated[int, typer.Option(help="Port for controllers (HTTP).")] = 8472,
) -> None:
    """Watch rendered parts being inspected; needs no camera, no file, no internet."""
    if product not in DEMO_PRODUCTS:
        raise SettingsError(
            f"there is no demo product {product!r}; choose one of {', '.join(DEMO_PRODUCTS)}"
        )
    if plc and rate:
        raise SettingsError("--rate does not go with --plc: parts come when they are triggered")
    folder = home() / "var" / "demo"
    content = DEMO_TOML.format(
        product=product, rate=0 if plc else rate or DEMO_RATE_PER_S, seed=seed,
        trigger_mode="software" if plc else "continuous", prerendered=prerendered, port=port,
        hmi=str(not no_hmi).lower(), hmi_port=hmi_port, plc_port=plc_port,
    )  # fmt: skip
    write_whole(folder / "station.toml", content.encode())
    _run(
        folder / "station.toml", folder, seconds=seconds, with_hmi=not no_hmi,
        hint=_driven(port, plc_port) if plc else "",
    )  # fmt: skip


def _driven(port: int, plc_port: int) -> str:
    """How to play the PLC, with the ports it would not find by itself."""
    ports = f" --port {plc_port}" if plc_port != PlcSettings().port else ""
    api = f" --api http://127.0.0.1:{port}" if port != ApiSettings().port else ""
    return (
        "Nothing moves until a PLC triggers. To play one, in another terminal:\n"
        f"  python run.py plc sim --rate 30 --parts 1000{ports}{api}"
    )


def _run(
    path: Path, folder: Path, *, seconds: float | None, with_hmi: bool, hint: str = ""
) -> None:
    settings = read_settings(path)
    api_url = f"http://{name_of(settings.api.host)}:{settings.api.port}"
    arguments = ["line", str(path), "--journal", str(folder), "--says-beat"]
    children = [Child("line", arguments, has_beat=True)]
    if with_hmi and settings.hmi.enabled:
        children.append(_hmi_child(settings, api_url))
    supervisor = Supervisor(children)
    started_s = time.monotonic()
    try:
        supervisor.open(f"{api_url}/healthz")
        if not supervisor.closing.is_set():
            with suppress(OSError):  # a log on a full disk is no reason to end a station
                _greet(settings, path, api_url, with_hmi=len(children) > 1, hint=hint)
        supervisor.watch(seconds)
        summary = _status(api_url) if seconds is not None else None
    finally:
        supervisor.close()
    if summary:
        _summarise(summary, time.monotonic() - started_s)


def _hmi_child(settings: StationSettings, api_url: str) -> Child:
    hmi = settings.hmi
    address = ["--api", api_url, "--host", hmi.host, "--port", str(hmi.port)]
    return Child("operator's page", ["hmi", *address])


def _greet(
    settings: StationSettings, path: Path, api_url: str, *, with_hmi: bool, hint: str
) -> None:
    typer.echo(f"{settings.name}: recipe {settings.line.recipe}, settings {path}")
    if with_hmi:
        typer.echo(f"  operator's page  http://{name_of(settings.hmi.host)}:{settings.hmi.port}")
    typer.echo(f"  API              {api_url}/api/v1/station")
    typer.echo(f"  API reference    {api_url}/docs")
    for line in _doors(settings.plc):
        typer.echo(f"  PLC              {line}")
    if hint:
        typer.echo(hint)
    typer.echo("Ctrl-C ends it.")


def _doors(plc: PlcSettings) -> Iterator[str]:
    """Where controllers find the station."""
    if not plc.enabled:
        return
    yield f"http://{name_of(plc.host)}:{plc.port}/plc/v1/status"
    for name, port in (("Modbus TCP", plc.modbus_port), ("ASCII", plc.ascii_port)):
        if port is not None:
            yield f"{name} {plc.host}:{port}"


def _status(api_url: str) -> dict[str, Any] | None:
    try:
        answer = httpx.get(f"{api_url}/api/v1/station", timeout=2, trust_env=False)
        status: dict[str, Any] = answer.raise_for_status().json()
    except httpx.HTTPError:
        return None
    return status


def _summarise(status: dict[str, Any], seconds: float) -> None:
    counts = status["counters"]
    judged = counts["yield_ratio"]
    typer.echo(
        f"{counts['triggers']} parts in {seconds:.0f} s: {counts['ok']} OK, "
        f"{counts['not_ok']} NOT OK, {counts['not_decidable']} to check, "
        f"{counts['aborted']} aborted, {counts['failed']} failed, "
        f"{counts['in_progress']} under way"
        + (f"; yield {judged:.1%}" if judged is not None else "")
    )
    for code, number in counts["by_reason"].items():
        typer.echo(f"  {number:6}  {code}")
