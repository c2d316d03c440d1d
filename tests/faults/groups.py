"""All groups of faults, in the order of the report."""

from tests.faults import camera, changeover, disk, ends, machine, models, power, sinks, triggers
from tests.faults.outcome import Group

GROUPS: tuple[Group, ...] = (
    *triggers.GROUPS,
    *changeover.GROUPS,
    *camera.GROUPS,
    *models.GROUPS,
    *power.GROUPS,
    *disk.GROUPS,
    *sinks.GROUPS,
    *ends.GROUPS,
    *machine.GROUPS,
)


def by_name(name: str) -> Group:
    """The group of a name.

    Raises:
        KeyError: there is none; says which there are.
    """
    for group in GROUPS:
        if group.name == name:
            return group
    raise KeyError(f"no group {name!r}; there is: {', '.join(group.name for group in GROUPS)}")
