"""The interface sheet: as Markdown for people, as CSV for tag lists."""

import csv
import io
from collections.abc import Iterable

from station.cli.plc_kit.facts import Facts, Place
from station.core.plc_words import KEEP_ALIVE_S

CSV_HEAD = ("group", "address", "name", "type", "meaning")

RULES = f"""\
## Rules

1. **Open the gate only on an answer that carries your own sequence number, and `pass` = 1, and,
   unless you sent that trigger twice, `dup` = 0.**
   Everything else, no answer included, is a reject. De-energised is reject.
2. Never match answers by their order, and never by the edge of a bit.
3. An answer that comes when the part is at the gate, or after your own deadline, is not used.
4. `dup` = 1 on a trigger you sent only once: the answer is of another part. Reject.
5. Call `reset` at each start of the PLC, before its first trigger: any first number is right then,
   and none means an older part. It also ends a Halt and a stop request of the station.
6. Give each part a number of its own, one more each time. Repeat a trigger with the *same* number.
   Send a part number, too: it guards against numbers that come twice.
   Trigger, and repeat a trigger, only while the part stands before the camera.
7. Set `[line] trigger_mode = "software"` in station.toml; otherwise each frame of the camera is a
   part, too. (`hardware` and `self` are for a PLC that sends no triggers.)
8. Acknowledge every result. What is not acknowledged makes place after eight results.
9. Watch the heartbeat. If it stands still for 2 s, stop, or reject everything.
10. Numbers of 32 bits have their high word first. Read the input registers in one telegram.
11. The example opens the gate only if every part that may stand there is proven: measure
    `udGateEarliestMs` and `udGateLatestMs` on your belt, and keep them closer together than parts
    follow each other. Else the neighbours of a bad part are rejected with it.
12. A connection may stay open between parts over Modbus and ASCII; one over HTTP is closed after
    {KEEP_ALIVE_S} s without a request.
"""
EXAMPLES = """\
## Examples

```
POST /plc/v1/trigger?seq=12&part=4711&wait=1&deadline_ms=100 HTTP/1.1
Host: {host}:{port}
Accept: text/plain
Content-Length: 0

R,0000000012,0000004711,1,1,1,00000,00132,00023,0
```

ASCII: `T,4711,12,100` gets `T,1,12,1,0,132,23`. `contract.md` beside this sheet has all requests.
"""


def sheet_csv(facts: Facts) -> str:
    """Every bit, register, text position and code, one row each."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(CSV_HEAD)
    for place in facts.places():
        rows.writerow((place.group, place.address, place.name, place.kind, place.text))
    return out.getvalue()


def sheet_markdown(facts: Facts) -> str:
    """The same for reading, with the addresses and the rules of the handshake."""
    recipe = facts.recipe
    places = list(facts.places())
    tables = [
        _table(title, (place for place in places if place.group == group))
        for group, title in (
            ("bit", "Handshake bits (input register 0, `bits` of the status)"),
            ("control bit", "Control word (holding register 0)"),
            ("holding register", "Holding registers: written by the PLC, function 6 or 16"),
            ("input register", "Input registers: read by the PLC, function 4"),
            ("result text", "Result as text of fixed width (`R,…`)"),
            ("status text", "Status as text of fixed width (`S,…`)"),
            ("code", f"Codes: why a part did not pass, for recipe {recipe.recipe_id}"),
        )
    ]
    return "\n".join([_head(facts), *tables])


def _head(facts: Facts) -> str:
    recipe, plc = facts.recipe, facts.plc
    numbers = ", ".join(f"{number} = {name}" for number, name in sorted(plc.recipes.items()))
    return f"""# Interface of the station to a PLC

{facts.header}

| | |
|---|---|
| recipe | {recipe.recipe_id} version {recipe.version}, hash `{recipe.hash}` |
| HTTP | {plc.host}, port {plc.port} |
| Modbus TCP | {_door(plc.host, plc.modbus_port, "modbus_port", facts.modbus_port)} |
| ASCII over TCP | {_door(plc.host, plc.ascii_port, "ascii_port", None)} |
| recipe numbers | {numbers or "none: set `plc.recipes` in station.toml"} |
{_cautions(facts)}
{RULES}
{EXAMPLES.format(host=plc.host, port=plc.port)}"""


def _cautions(facts: Facts) -> str:
    if not facts.cautions:
        return ""
    points = "\n".join(f"- **{caution[0].upper()}{caution[1:]}.**" for caution in facts.cautions)
    return f"\n## To be mended first\n\n{points}\n"


def _door(host: str, port: int | None, setting: str, proposed: int | None) -> str:
    if port is not None:
        return f"{host}, port {port}"
    example = f", as in {proposed}" if proposed else ""
    return f"off: set `plc.{setting}` in station.toml{example}"


def _table(title: str, places: Iterable[Place]) -> str:
    rows = [
        f"| {place.address} | `{place.name}` | {place.kind} | {place.text.replace('|', '/')} |"
        for place in places
    ]
    head = ["", f"## {title}", "", "| where | name | type | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]).replace("| `` |", "| |")
