"""Which way of triggering goes with which source; the wrong pair would pass parts over unseen."""

from station.core.plugin import Source

DROPPED = frozenset({"watch", "ftp"})
"""Their pictures come by themselves and wait."""
NOT_TRIGGERED = (
    "pictures come here by themselves, and nothing says which one belongs to a trigger; each is "
    "a part of its own"
)
WITHOUT_STREAM = DROPPED | {"folder", "replay", "upload"}
"""Their pictures are files; there is no stream in which a part could be seen to come."""


def misfit(trigger_mode: str, source: Source) -> str:
    """What is wrong with the pair and what to do; empty: nothing."""
    if trigger_mode == "software" and source.kind in DROPPED:
        return (
            f'line.trigger_mode = "software" does not go with a source of kind {source.kind!r}: '
            "a picture that came before its trigger would be passed over, and its part never "
            'judged; leave out trigger_mode ("continuous": every picture is a part)'
        )
    if trigger_mode != "self":
        return ""
    if source.kind in WITHOUT_STREAM:
        return (
            'line.trigger_mode = "self" needs a camera that runs freely; a source of kind '
            f'{source.kind!r} gives one picture a part: leave out trigger_mode ("continuous")'
        )
    own = getattr(source, "trigger_mode", "off")
    if own != "off":
        return (
            'line.trigger_mode = "self" needs a camera that runs freely, and '
            f'source.trigger_mode is "{own}": set it to "off"'
        )
    return ""
