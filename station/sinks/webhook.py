"""Results by HTTP POST, signed after Standard Webhooks (standardwebhooks.com)."""

import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
from pydantic import Field, model_validator
from standardwebhooks import Webhook as Signer

from station.core.errors import DeliveryError, DeliveryRefusedError, SettingsError
from station.core.frame import AnyFrame
from station.core.plugin import Delivery, Sink
from station.core.result import RESULT_JSON, Result

REFUSALS = frozenset({400, 410, 413, 415, 422})
"""Answers that will not change when the same result is sent again."""


class Webhook(Sink, kind="webhook"):
    """One POST a result, its JSON as the body; `webhook-id` is the job_id."""

    url: str = Field(
        description="https:// or http://; redirects are not followed",
        examples=["https://mes.example/results"],
    )
    secret_env: str = Field("", description="environment variable with the secret, whsec_...")
    secret: str = Field("", repr=False, description="the secret itself; better use secret_env")
    timeout_s: float = Field(10.0, gt=0, le=300, description="for the receiver's answer")

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        url = httpx.URL(self.url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ValueError("url must be http:// or https://, with a host and without a password")
        if self.secret and self.secret_env:
            raise ValueError("give either secret or secret_env")
        return self

    def open(self) -> Delivery:
        """Make the client; the receiver need not be there yet.

        Raises:
            SettingsError: the secret is missing or none.
        """
        secret = self.secret
        if self.secret_env:
            secret = os.environ.get(self.secret_env, "")
            if not secret:
                raise SettingsError(f"webhook sink: there is no secret in ${self.secret_env}")
        return WebhookDelivery(self, _signer(secret) if secret else None)


def _signer(secret: str) -> Signer:
    try:
        return Signer(secret)
    except (ValueError, RuntimeError) as error:
        raise SettingsError(f"webhook sink: the secret is not whsec_ and base64: {error}") from None


class WebhookDelivery:
    """An open client."""

    def __init__(self, settings: Webhook, signer: Signer | None) -> None:
        self._settings, self._signer = settings, signer
        self._client = httpx.Client(
            timeout=settings.timeout_s, follow_redirects=False, trust_env=False
        )

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:  # noqa: ARG002
        """Post one result; it is delivered when the receiver answers 2xx.

        Raises:
            DeliveryRefusedError: the receiver says that it will never take it.
            DeliveryError: it is not there, is busy, or failed.
        """
        body = RESULT_JSON.dump_json(result).decode()
        headers = self._headers(result.job_id, body)
        url = self._settings.url
        try:
            with self._client.stream("POST", url, content=body, headers=headers) as answer:
                _check(answer, url)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise DeliveryError(f"webhook {url}: {said}") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _headers(self, job_id: str, body: str) -> dict[str, str]:
        now = datetime.now(UTC)
        headers: dict[str, Any] = {
            "content-type": "application/json",
            "webhook-id": job_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer:
            headers["webhook-signature"] = self._signer.sign(job_id, now, body)
        return headers


def _check(answer: httpx.Response, url: str) -> None:
    if answer.is_success:
        return
    text = f"webhook {url} answered {answer.status_code} {answer.reason_phrase}"
    if answer.is_redirect:
        text += "; redirects are not followed, enter the final address"
    if answer.status_code in REFUSALS:
        raise DeliveryRefusedError(text)
    raise DeliveryError(text, retry_after_s=_seconds(answer.headers.get("retry-after", "")))


def _seconds(retry_after: str) -> float:
    """What a Retry-After header asks for: seconds or a date (RFC 9110 section 10.2.3)."""
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
