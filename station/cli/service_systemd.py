"""The systemd unit of a station, made for the folder, interpreter and groups of this machine."""

import sys
from pathlib import Path

from station.cli.home import shipped
from station.core.errors import SettingsError

CAMERA_GROUPS = ("video", "plugdev")
"""Who may open UVC and USB3 Vision cameras on usual systems; those that exist here are taken."""

UNIT = """\
# Written by `station service systemd` for this machine.
[Unit]
Description=Inspection station
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
# Ready when the line answers. Afterwards the inspection loop itself says all the time that it goes
# round; both come from children of the main process, therefore NotifyAccess=all.
Type=notify
NotifyAccess=all
TimeoutStartSec=90
# The supervisor ends a line that hangs after 3 s; this is for the supervisor.
WatchdogSec=30
Restart=always
RestartSec=1
KillMode=mixed
TimeoutStopSec=15
ExecStart={python} -m station run {settings}
WorkingDirectory={folder}
Environment={home_variable}
Environment={path_variable}
User={user}
{groups}UMask=0077
LimitNOFILE=65536
OOMScoreAdjust=-500
# Parts go before whatever else runs here, a browser on the page above all; LimitRTPRIO is for
# line.priority = "realtime".
Nice=-10
LimitNICE=-10
LimitRTPRIO=10
CPUWeight=1000

# What it may write: its own folder.
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={home}
# no PrivateTmp: the locks that give one camera to one station lie in the common /tmp
PrivateTmp=no
# What it may reach: the network, and cameras at V4L2 and USB.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-usb_device rw
# What it never needs.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
# Take this line out if a vendor's camera library does not load with it; ours do.
MemoryDenyWriteExecute=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# The line raises its priority, the operator's page lowers its own.
SystemCallFilter=setpriority sched_setscheduler
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(home: Path, user: str) -> str:
    """The unit of the station in a folder.

    Raises:
        SettingsError: a path or the user's name cannot stand in a unit.
    """
    groups = " ".join(name for name in CAMERA_GROUPS if _is_group(name))
    return UNIT.format(
        python=_quoted(sys.executable, is_command=True),
        settings=_quoted(str(home / "station.toml"), is_command=True),
        folder=_plain(str(home)),
        home=_quoted(str(home)),
        home_variable=_quoted(f"STATION_HOME={home}"),
        path_variable=_quoted(f"PYTHONPATH={shipped()}"),
        user=_plain(user),
        groups=f"SupplementaryGroups={groups}\n" if groups else "",
    )


def _is_group(name: str) -> bool:
    try:
        import grp  # not on Windows, where this unit may be written for another machine
    except ImportError:
        return False
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _plain(text: str) -> str:
    """A value that takes the whole line: only the specifiers' % is special."""
    if any(ord(sign) < ord(" ") for sign in text):
        raise SettingsError(f"{text!r} cannot stand in a systemd unit: give it a simpler name")
    return text.replace("%", "%%")


def _quoted(text: str, *, is_command: bool = False) -> str:
    """One word of a list; in a command the $ of variables is special, too."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("$", "$$") if is_command else escaped}"'
