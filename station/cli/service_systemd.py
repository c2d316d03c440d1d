"""The systemd unit of a station, made for its folder and settings, and for this machine."""

import sys
from pathlib import Path

from station.cli.home import shipped
from station.cli.service_needs import Needs
from station.core.errors import SettingsError

CAMERA_GROUPS = ("video", "plugdev")
"""Who may open UVC and USB3 Vision cameras on usual systems; those that exist here are taken."""

UNIT = """\
# Written by `station service systemd` for this machine and its station.toml: write it anew after
# folders or ports have changed there.
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
WorkingDirectory={home_path}
Environment={home_variable}
Environment={path_variable}
# Secrets (secret_env, password_env in station.toml), one NAME=value a line; chmod 600.
EnvironmentFile=-{home_path}/station.env
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

# What it may write: its own folder, the common /tmp (the locks that give one camera to one station
# lie there), and folders of sources and sinks elsewhere.
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={home}
ReadWritePaths=/tmp
{folders}PrivateTmp=no
# What it may reach: the network, and cameras at V4L2 and USB.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK{packet_family}
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-usb_device rw
# A port below 1024 (Modbus 502, FTP 21) needs CAP_NET_BIND_SERVICE in both rows; packet_socket of
# aravis needs CAP_NET_RAW in both, and AF_PACKET above.
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
# What it never needs.
NoNewPrivileges=yes
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


UNKNOWN_FOLDERS = """\
# station.toml could not be read when this was written. Write this unit anew once it can be, or add
# each folder elsewhere that a source or sink writes to: ReadWritePaths="-/the/folder"
"""


def systemd_unit(home: Path, user: str, needs: Needs | None) -> str:
    """The unit of the station in a folder; `needs` None: its settings could not be read.

    Raises:
        SettingsError: a path or the user's name cannot stand in a unit.
    """
    groups = " ".join(name for name in CAMERA_GROUPS if _is_group(name))
    needed = needs or Needs()
    return UNIT.format(
        python=_quoted(sys.executable, is_command=True),
        settings=_quoted(str(home / "station.toml"), is_command=True),
        home_path=_plain(str(home)),
        home=_quoted(str(home)),
        home_variable=_quoted(f"STATION_HOME={home}"),
        path_variable=_quoted(f"PYTHONPATH={shipped()}"),
        user=_plain(user),
        groups=f"SupplementaryGroups={groups}\n" if groups else "",
        folders=UNKNOWN_FOLDERS if needs is None else _writable(needed),
        packet_family=" AF_PACKET" if needed.uses_packet_socket else "",
        capabilities=_capabilities(needed),
    )


def _writable(needs: Needs) -> str:
    """One that is missing does not keep the service from starting: the station names it."""
    return "".join(f"ReadWritePaths={_quoted(f'-{folder}')}\n" for folder in needs.folders)


def _capabilities(needs: Needs) -> str:
    wanted = {
        "CAP_NET_BIND_SERVICE": needs.uses_low_port,
        "CAP_NET_RAW": needs.uses_packet_socket,
    }
    return " ".join(name for name, is_wanted in wanted.items() if is_wanted)


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
