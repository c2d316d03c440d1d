"""`station hmi`: the operator's page, in a process of its own."""

from typing import Annotated

import typer

from station.line.priority import put_behind


def hmi(
    api: Annotated[str, typer.Option(help="Address of the API.")] = "http://127.0.0.1:8470",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8471,
    ends_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Show the operator's page of a station, on this machine or another."""
    from station.hmi.page import run  # only this command needs NiceGUI

    put_behind()
    run(api, host, port, ends_with_stdin=ends_with_stdin)
