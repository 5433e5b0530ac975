"""What a world tells whoever started it: one JSON line with every address and key. Both ends read it here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from emulator.scenario_accounts import KeyPair
from emulator.scenario_player import OpenedAccount


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """`path` is for trezorlib, `control` the URL of the device's control server."""

    label: str
    persona: str
    path: str
    control: str
    root_fingerprint: str


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The bitcoind behind the chain: its RPC and the file of its cookie."""

    url: str
    cookie_file: str


@dataclass(frozen=True, slots=True)
class EthereumReport:
    """The node of the chain: JSON-RPC, and the scenario's hand on it beside that."""

    url: str
    chain_id: int


@dataclass(frozen=True, slots=True)
class VenueReport:
    """An exchange of the world, and where its stock is kept; `hot_key` is its address on Ethereum.

    Either is empty where it has none there.
    """

    exchange: str
    url: str
    hot_wallet: str
    hot_key: str = ""


@dataclass(frozen=True, slots=True)
class WorldReport:
    """`bitcoind` is None where the chain has no real node behind it; `venues` has at least one.

    `ethereum` is None where the scenario has none, `arbitrum` where no exchange lives there.
    """

    pid: int
    scenario: str
    directory: str
    esplora: str
    feeds: str
    bitcoind: NodeReport | None
    venues: tuple[VenueReport, ...]
    accounts: tuple[OpenedAccount, ...]
    devices: tuple[DeviceReport, ...]
    ethereum: EthereumReport | None = None
    arbitrum: EthereumReport | None = None

    @property
    def venue(self) -> str:
        """Where the first exchange is."""
        return self.venues[0].url

    def to_line(self) -> str:
        return json.dumps({"ready": True, **asdict(self)})

    def without_secrets(self) -> str:
        """The same for a file that may be left behind."""
        shown = asdict(self)
        for account in shown["accounts"]:
            for role in ("read", "withdraw"):
                account[role] = {"key": account[role]["key"]}
        return json.dumps(shown, indent=2)

    @classmethod
    def from_line(cls, line: str) -> WorldReport:
        """Raises ValueError for anything but a ready line."""
        try:
            told: Any = json.loads(line)
            if told["ready"] is not True:
                raise ValueError("not ready")
            return cls(
                pid=int(told["pid"]),
                scenario=str(told["scenario"]),
                directory=str(told["directory"]),
                esplora=str(told["esplora"]),
                feeds=str(told["feeds"]),
                bitcoind=None if told["bitcoind"] is None else NodeReport(**told["bitcoind"]),
                venues=tuple(VenueReport(**each) for each in told["venues"]),
                accounts=tuple(_account(each) for each in told["accounts"]),
                devices=tuple(DeviceReport(**each) for each in told["devices"]),
                ethereum=_chain(told["ethereum"]),
                arbitrum=_chain(told["arbitrum"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a ready line, found {line[:200]!r}") from error


def _chain(told: Any) -> EthereumReport | None:
    return None if told is None else EthereumReport(**told)


def _account(told: Any) -> OpenedAccount:
    read, withdraw = KeyPair(**told["read"]), KeyPair(**told["withdraw"])
    return OpenedAccount(str(told["name"]), str(told["uid"]), read, withdraw, str(told["exchange"]))
