"""Results as MQTT messages, each acknowledged by the broker before the next is sent."""

import os
import re
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import Field, field_validator

from station.core.errors import DeliveryError, SettingsError
from station.core.frame import AnyFrame
from station.core.plugin import Delivery, Sink
from station.core.result import RESULT_JSON, Result

TOPIC_WORDS = ("camera_id", "product_id", "part_id", "recipe_id")
AT_LEAST_ONCE = 1
RECONNECT_S = (1, 30)
KEEP_ALIVE_S = 30


class Mqtt(Sink, kind="mqtt"):
    """One message a result, its JSON as the payload, with quality of service 1."""

    host: str = Field("127.0.0.1", min_length=1, description="the broker's address")
    port: int = Field(1883, gt=0, le=65535, description="the broker's; with tls mostly 8883")
    topic: str = Field(
        "station/{camera_id}/result", min_length=1, description=f"may name {', '.join(TOPIC_WORDS)}"
    )
    state_topic: str = Field(
        "station/state", description="retained: online or offline; empty: none"
    )
    client_id: str = Field("", description="unique at the broker; none: made up")
    user: str = Field("", description="name to log in with; empty: none")
    password_env: str = Field("", description="environment variable with the password")
    tls: bool = Field(False, description="encrypted, and the broker's certificate is checked")
    ca_file: Path | None = Field(None, description="with tls: who signed it; none: the system's")
    timeout_s: float = Field(10.0, gt=0, le=300, description="for the broker's acknowledgement")

    @field_validator("topic")
    @classmethod
    def _topic_is_known(cls, topic: str) -> str:
        words = set(re.findall(r"{([^{}]*)}", topic))
        rest = re.sub(r"{[^{}]*}", "", topic)
        if not words <= set(TOPIC_WORDS) or re.search(r"[{}+#\0]", rest):
            raise ValueError(f"a topic has no + or #, and may name only {', '.join(TOPIC_WORDS)}")
        return topic

    def open(self) -> Delivery:
        """Begin to connect; the broker need not be there yet.

        Raises:
            SettingsError: the password or certificate is missing.
        """
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.client_id)
        if self.user:
            client.username_pw_set(self.user, self._password())
        if self.tls:
            try:
                client.tls_set(ca_certs=str(self.ca_file) if self.ca_file else None)
            except (OSError, ValueError) as error:
                raise SettingsError(f"mqtt sink: {self.ca_file}: {error}") from error
        return MqttDelivery(self, client)

    def _password(self) -> str | None:
        if not self.password_env:
            return None
        password = os.environ.get(self.password_env)
        if password is None:
            raise SettingsError(f"mqtt sink: there is no password in ${self.password_env}")
        return password


class MqttDelivery:
    """A client that connects, and connects again, by itself."""

    def __init__(self, settings: Mqtt, client: paho.Client) -> None:
        self._settings, self._client = settings, client
        self._refusal = ""
        self._connected = threading.Event()
        self._under_way: tuple[str, paho.MQTTMessageInfo] | None = None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.reconnect_delay_set(*RECONNECT_S)
        if settings.state_topic:
            client.will_set(settings.state_topic, "offline", AT_LEAST_ONCE, retain=True)
        client.connect_async(settings.host, settings.port, KEEP_ALIVE_S)
        client.loop_start()

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:  # noqa: ARG002
        """Publish one result and wait until the broker has it.

        Raises:
            DeliveryError: the broker is not there or does not acknowledge.
        """
        info = self._message(result)
        try:
            info.wait_for_publish(self._settings.timeout_s)
        except (RuntimeError, ValueError) as error:  # what paho says where it could not queue it
            self._under_way = None
            raise DeliveryError(f"{self._broker}: {error}") from error
        if not info.is_published():
            raise DeliveryError(f"{self._broker} did not acknowledge {result.job_id}")
        self._under_way = None

    def close(self) -> None:
        """Say that the station is offline, and disconnect."""
        if self._connected.is_set() and self._settings.state_topic:
            said = self._client.publish(
                self._settings.state_topic, "offline", AT_LEAST_ONCE, retain=True
            )
            said.wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, result: Result) -> paho.MQTTMessageInfo:
        # The client itself sends again what was not acknowledged when the connection broke.
        if self._under_way and self._under_way[0] == result.job_id:
            return self._under_way[1]
        if not self._connected.wait(self._settings.timeout_s):
            raise DeliveryError(self._refusal or f"{self._broker} is not there")
        topic = topic_of(self._settings.topic, result)
        info = self._client.publish(topic, RESULT_JSON.dump_json(result), AT_LEAST_ONCE)
        self._under_way = (result.job_id, info)
        return info

    @property
    def _broker(self) -> str:
        return f"MQTT broker {self._settings.host}:{self._settings.port}"

    def _on_connect(self, client: paho.Client, *told: Any) -> None:
        reason = told[2]
        if reason.is_failure:
            self._refusal = f"{self._broker} refuses: {reason}"
            return
        if self._settings.state_topic:
            client.publish(self._settings.state_topic, "online", AT_LEAST_ONCE, retain=True)
        self._refusal = ""
        self._connected.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._connected.clear()


def topic_of(template: str, result: Result) -> str:
    """The topic of one result; what would change its meaning in a topic becomes _."""
    words = {word: re.sub(r"[/+#\0]", "_", getattr(result, word)) or "none" for word in TOPIC_WORDS}
    return template.format(**words)
