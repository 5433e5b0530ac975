"""Asks every source of fee rates: each backend by itself, and the configured further ones.

Refuses nothing: a source that fails, answers nonsense or is too old is a reading that says so. What it
would have said is missing, never made up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from vault.errors import ChainError, VaultError

if TYPE_CHECKING:
    from vault.bitcoin.backends.base import Backend
    from vault.clock import Clock
    from vault.config import Treasury
    from vault.config_fees import FeeSourceSettings

# Blocks asked for: next block, half an hour, an hour, four hours, a day.
TARGETS: Final = (1, 3, 6, 24, 144)
# The clock of another machine may be this far ahead before what it says is of no use.
MAX_AHEAD: Final = timedelta(seconds=60)
# A page of estimates is small; a larger file is something else.
MAX_FILE_BYTES: Final = 1_000_000

_TO_SAT_PER_VBYTE: Final = {"sat/vB": Decimal(1), "sat/kvB": Decimal("0.001"), "BTC/kvB": Decimal(100_000)}


@dataclass(frozen=True, slots=True)
class FeeReading:
    """What one source said: rates in sat/vB by target in blocks, the soonest first.

    `floor` is the rate below which its mempool takes nothing. `code` and `message` say why there are no
    rates, empty when there are some; `at` is when they were made, as far as the source says.
    """

    source: str
    kind: Literal["backend", "url", "file"]
    rates: tuple[tuple[int, Decimal], ...]
    floor: Decimal | None
    at: datetime
    code: str = ""
    message: str = ""

    def rate(self, target: int) -> Decimal | None:
        """Its rate for the nearest target that is not later; None where it names none."""
        sooner = [rate for blocks, rate in self.rates if blocks <= target]
        return sooner[-1] if sooner else None


def read_sources(treasury: Treasury, clock: Clock) -> tuple[FeeReading, ...]:
    """All sources, asked at the same time: the backends first, then as treasury.toml has them."""
    from vault.bitcoin.backends.open import open_each

    jobs: list[Callable[[], FeeReading]] = [
        lambda name=name, backend=backend: read_backend(name, backend, clock)  # type: ignore[misc]
        for name, backend in open_each(treasury)
    ]
    jobs += [
        lambda settings=settings: read_further(settings, treasury.folder, clock)  # type: ignore[misc]
        for settings in treasury.config.bitcoin.fee_source
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        return tuple(pool.map(lambda job: job(), jobs))


def read_backend(name: str, backend: Backend, clock: Clock) -> FeeReading:
    """A backend's estimates and its mempool's minimum."""
    rates: dict[int, Decimal] = {}
    floor: Decimal | None = None
    missing: VaultError | None = None
    try:
        floor = backend.mempool_min_fee()
        for target in TARGETS:
            try:
                rates[target] = backend.fee_rate(target)
            except ChainError as error:
                if error.code != "chain.no_estimate":
                    raise
                missing = error
    except VaultError as error:
        return FeeReading(name, "backend", (), floor, clock.now(), error.code, error.message)
    if not rates and missing is not None:
        return FeeReading(name, "backend", (), floor, clock.now(), missing.code, missing.message)
    return FeeReading(name, "backend", tuple(rates.items()), floor, clock.now())


def read_further(settings: FeeSourceSettings, folder: Path, clock: Clock) -> FeeReading:
    """A further source; its JSON is read exactly, and refused when its estimate is too old."""
    kind: Literal["url", "file"] = "file" if settings.url is None else "url"
    at = clock.now()
    try:
        text, at = _file(folder, settings) if kind == "file" else (_page(settings), at)
        rates, said_at = _understand(settings, text)
        at = said_at or at
        _require_fresh(settings, at, clock.now())
    except VaultError as error:
        return FeeReading(settings.name, kind, (), None, at, error.code, error.message)
    return FeeReading(settings.name, kind, rates, None, at)


def _page(settings: FeeSourceSettings) -> str:
    from vault.bitcoin.backends.http_line import HttpServer

    server = HttpServer(
        settings.url or "",
        settings.timeout_seconds,
        what=f"the fee source {settings.name}",
        certificate=settings.certificate or "",
        proxy=settings.proxy or "",
    )
    with server.session() as session:
        status, body = session.get("")
    if status != 200:
        raise ChainError("server_error", f"{settings.name}: expected an answer, found HTTP {status}")
    return body.decode(errors="replace")


def _file(folder: Path, settings: FeeSourceSettings) -> tuple[str, datetime]:
    path = folder / Path(settings.file or "").expanduser()
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        written = path.stat().st_mtime_ns
    except OSError as error:
        raise ChainError("unreachable", f"{settings.name}: {path}: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ChainError("bad_answer", f"{settings.name}: expected at most {MAX_FILE_BYTES} bytes in {path}")
    return data.decode(errors="replace"), _instant(written // 1_000_000_000)


def _understand(
    settings: FeeSourceSettings, text: str
) -> tuple[tuple[tuple[int, Decimal], ...], datetime | None]:
    from vault.bitcoin.backends.answers import nonsense, read_json, to_integer, to_rate

    answer = read_json(text)
    rates = []
    for target, place in settings.places:
        what = f"{settings.name}: {place}"
        rate = to_rate(_follow(answer, place, what), what, per_vbyte=_TO_SAT_PER_VBYTE[settings.unit])
        if not rate:
            raise nonsense(what, "a rate above zero", rate, who=settings.name)
        rates.append((target, rate))
    if settings.at is None:
        return tuple(rates), None
    what = f"{settings.name}: {settings.at}"
    return tuple(rates), _instant(to_integer(_follow(answer, settings.at, what), what))


def _follow(answer: Any, place: str, what: str) -> Any:
    from vault.bitcoin.backends.answers import nonsense

    here = answer
    for key in place.split("."):
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            raise nonsense(what, f"a value at {key!r}", "none")
    return here


def _instant(second: int) -> datetime:
    try:
        return datetime.fromtimestamp(second, UTC)
    except (OverflowError, ValueError, OSError):
        raise ChainError("bad_answer", f"expected a unix second, found {second}") from None


def _require_fresh(settings: FeeSourceSettings, at: datetime, now: datetime) -> None:
    age = int((now - at).total_seconds())
    if age > settings.max_age_seconds:
        raise ChainError(
            "stale_estimate",
            f"{settings.name}: expected an estimate of the last {settings.max_age_seconds} s, "
            f"found one {age} s old",
        )
    if at - now > MAX_AHEAD:
        raise ChainError("stale_estimate", f"{settings.name}: its estimate is {-age} s ahead of our clock")
