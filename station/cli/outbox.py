"""`station outbox`: what the sinks of the running station have not got, and what they refused."""

from typing import Annotated

import httpx
import typer
from pydantic import TypeAdapter

from station.api.outbox import Outbox
from station.core.errors import SettingsError

TIMEOUT_S = 10.0
OUTBOX_JSON = TypeAdapter(Outbox)
OUTBOXES_JSON = TypeAdapter(list[Outbox])
Api = Annotated[str, typer.Option(help="The running station.")]
LOCAL = "http://127.0.0.1:8470"

app = typer.Typer(
    help="What sinks have not got, and what they refused for good (dead letters).",
    invoke_without_command=True,
    add_completion=False,
)


@app.callback()
def outbox(context: typer.Context, api: Api = LOCAL) -> None:
    """List each sink: results that wait, are lost, were refused for good, and why."""
    if context.invoked_subcommand is not None:
        return
    found = OUTBOXES_JSON.validate_json(_ask("GET", api, "/api/v1/outbox"))
    for one in found:
        _show(one)
    if not found:
        typer.echo("The station has no sinks: see `station settings sinks`.")


@app.command()
def resend(
    sink: Annotated[str, typer.Argument(help="Its name, as `station outbox` shows it.")],
    api: Api = LOCAL,
) -> None:
    """Hand a sink its dead letters once more, once its receiver was put right."""
    found = OUTBOX_JSON.validate_json(_ask("POST", api, "/api/v1/outbox:resend", sink=sink))
    typer.echo(f"{found.sink.dead} dead letters of {sink} are handed over once more.")
    typer.echo("`station outbox` lists those it does not take.")


def _show(one: Outbox) -> None:
    sink = one.sink
    kind = "" if sink.name == sink.kind else f" ({sink.kind})"
    typer.echo(
        f"{sink.name}{kind}: {sink.waiting} waiting, {sink.lost} lost, {sink.dead} dead letters"
        + (f"; {sink.last_error}" if sink.last_error else "")
    )
    for letter in one.letters:
        at = letter.given_up_at.astimezone()
        typer.echo(f"  {at:%Y-%m-%d %H:%M:%S}  {letter.job_id}  {letter.error}")
    more = sink.dead - len(one.letters)
    if more > 0:
        typer.echo(f"  and {more} more")


def _ask(method: str, api: str, path: str, **parameters: str) -> bytes:
    try:
        with httpx.Client(base_url=api, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.request(method, path, params=parameters)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SettingsError(
            f"no station answers at {api} ({error}): start it, or say --api; results are handed "
            "over by the running station alone"
        ) from error
    if not answer.is_success:
        raise SettingsError(f"the station at {api}: {answer.json().get('detail', answer.text)}")
    return answer.content
