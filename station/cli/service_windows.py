"""Recipes that start a station with Windows: a scheduled task by built-in means, or WinSW."""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

from station.cli.home import shipped

SCRIPT = """\
# Written by `station service windows`. It was never tried on a Windows machine: try it before use.
# Run it once in PowerShell as administrator. It uses nothing but what Windows brings: a task that
# starts with the machine, without anybody logged on, and is started again a minute after it ended.
# `station run` itself starts a line that crashes or hangs again within seconds.
#   Stop-ScheduledTask -TaskName Station                            ends it
#   Unregister-ScheduledTask -TaskName Station -Confirm:$false      takes it out again
$ErrorActionPreference = 'Stop'
$python = {python}
$folder = {home}
$settings = {settings}
# cmd sets what the station reads from its environment, and keeps what it says in a file. Secrets
# (secret_env, password_env in station.toml) go into station.env.cmd in the station's folder, one
# @set "NAME=value" a line; let nobody else read it.
$secrets = Join-Path $folder 'station.env.cmd'
$line = 'if exist "' + $secrets + '" (call "' + $secrets + '")& ' +
    'set "STATION_HOME=' + $folder + '"&& set "PYTHONPATH=' + {code} + '"&& "' + $python +
    '" -m station run "' + $settings + '" >> "' + (Join-Path $folder 'station.log') + '" 2>&1'
$action = New-ScheduledTaskAction -Execute 'cmd.exe' -Argument ('/d /s /c "' + $line + '"') `
    -WorkingDirectory $folder
$trigger = New-ScheduledTaskTrigger -AtStartup
# LocalService has few rights; it must be able to write into the station's folder.
$who = New-ScheduledTaskPrincipal -UserId 'NT AUTHORITY\\LocalService' -LogonType ServiceAccount
& icacls $folder /grant '*S-1-5-19:(OI)(CI)M' | Out-Null
$how = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
    -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries `
    -MultipleInstances IgnoreNew -Priority 4
Register-ScheduledTask -TaskName 'Station' -Action $action -Trigger $trigger -Principal $who `
    -Settings $how -Force | Out-Null
Start-ScheduledTask -TaskName 'Station'
"""

XML = """\
<!-- Written by `station service windows` for WinSW. It was never tried on a Windows machine.
     Put WinSW's program beside this file as station.exe (this file: station.xml), then, as
     administrator: station.exe install, station.exe start. -->
<service>
  <id>station</id>
  <name>Inspection station</name>
  <description>Inspects parts; see station.toml.</description>
  <executable>{python}</executable>
  <arguments>-m station run "{settings}"</arguments>
  <workingdirectory>{home}</workingdirectory>
  <env name="STATION_HOME" value="{home}"/>
  <env name="PYTHONPATH" value="{code}"/>
  <!-- Secrets (secret_env, password_env in station.toml): one row each,
       <env name="NAME" value="…"/>, and let nobody else read this file. -->
  <startmode>Automatic</startmode>
  <onfailure action="restart" delay="1 sec"/>
  <onfailure action="restart" delay="5 sec"/>
  <onfailure action="restart" delay="30 sec"/>
  <resetfailure>1 hour</resetfailure>
  <stoptimeout>15 sec</stoptimeout>
  <log mode="roll-by-size"/>
</service>
"""


def powershell_script(home: Path) -> str:
    """The script that registers a scheduled task for the station in a folder."""
    return SCRIPT.format(**{name: _literal(path) for name, path in _paths(home).items()})


def winsw_xml(home: Path) -> str:
    """The settings file of WinSW for the station in a folder."""
    return XML.format(**{n: escape(p, {'"': "&quot;"}) for n, p in _paths(home).items()})


def _paths(home: Path) -> dict[str, str]:
    return {
        "python": sys.executable,
        "home": str(home),
        "settings": str(home / "station.toml"),
        "code": str(shipped()),
    }


def _literal(text: str) -> str:
    """A text of PowerShell in which nothing is expanded."""
    return "'" + text.replace("'", "''") + "'"
