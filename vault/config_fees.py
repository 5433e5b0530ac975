"""The fee part of treasury.toml: sources beside the backends, and how far they must agree.

Refuses a source without an address, without targets, or whose places in its JSON cannot be followed.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vault.config_values import Certificate, Name, Proxy, Url
from vault.toml_strict import ExactDecimal, PlacedError, StrictModel

# No estimator looks further ahead than a week of blocks.
MAX_TARGET_BLOCKS = 1008
_PLACE = re.compile(r"[A-Za-z0-9_-]{1,40}(\.[A-Za-z0-9_-]{1,40}){0,7}")


def _place(value: str) -> str:
    if not _PLACE.fullmatch(value):
        raise ValueError("expected keys with dots between them, for example recommended.fast")
    return value


Place = Annotated[str, AfterValidator(_place)]
"""Where a value stands in a JSON answer: keys, or numbers of a list, from the outside in."""


class FeeSourceSettings(StrictModel):
    """A further source of fee rates: JSON behind a `url` or in a `file`.

    `targets` says where the rate for each number of blocks stands; `at` where the unix second of the
    estimate stands (without it: when the file was written, or now).
    """

    name: Name
    url: Url | None = None
    file: str | None = Field(default=None, min_length=1, max_length=1000)
    targets: dict[str, Place] = Field(min_length=1, max_length=50)
    unit: Literal["sat/vB", "sat/kvB", "BTC/kvB"] = "sat/vB"
    at: Place | None = None
    max_age_seconds: int = Field(default=900, ge=1, le=86_400)
    certificate: Certificate | None = None
    proxy: Proxy | None = None
    timeout_seconds: int = Field(default=10, ge=1, le=120)

    @property
    def places(self) -> tuple[tuple[int, str], ...]:
        """The targets in blocks with their places, the soonest first."""
        return tuple(sorted((int(target), place) for target, place in self.targets.items()))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise PlacedError("expected `url` or `file`, one of them", "url" if self.url else "name")
        for target in self.targets:
            if not re.fullmatch(r"[1-9][0-9]{0,3}", target) or int(target) > MAX_TARGET_BLOCKS:
                raise PlacedError(
                    f"expected blocks from 1 to {MAX_TARGET_BLOCKS}, found {target!r}", "targets"
                )
        if self.certificate and not (self.url or "").startswith("https:"):
            raise PlacedError("expected only with https://", "certificate")
        if self.proxy and self.url is None:
            raise PlacedError("expected only with `url`", "proxy")
        return self


class FeeSettings(StrictModel):
    """How many sources must answer, and within which factor of their median most of them must be."""

    required: int = Field(default=1, ge=1, le=16)
    spread: ExactDecimal = Field(default="3", validate_default=True)
    max_age_seconds: int = Field(default=600, ge=1, le=3600)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not 1 <= self.spread <= 10:
            raise PlacedError("expected a factor from 1 to 10", "spread")
        return self
