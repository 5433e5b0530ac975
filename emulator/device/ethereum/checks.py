"""What a device refuses of a transaction before it asks about it, in its firmware's order and words.

Lengths, chain, recipient, fees and Wanchain's type; the path is among the steps because the
firmwares look at it at different moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError, FirmwareError
from ..protocol.proto import Message
from .address import parse_address, parse_address_leniently

if TYPE_CHECKING:
    from .wallet import Wallet

MAX_DATA = 16_000_000  # keeps every length within three bytes
MAX_FEE_BYTES = 30  # price and limit together: their product fits 256 bits
WANCHAIN_TYPES = (1, 6, None)


@dataclass(slots=True)
class Draft:
    """A request while it is being checked; `recipient` is there once its step has run."""

    msg: Message
    wallet: Wallet
    recipient: bytes = b""


Step = Callable[[Draft], None]


def path(draft: Draft) -> None:
    draft.wallet.validate_path(draft.msg.address_n)


def chain(draft: Draft) -> None:
    if draft.msg.chain_id == 0:
        raise DataError("Chain ID out of bounds")


def data_length(draft: Draft) -> None:
    if draft.msg.data_length > 0:
        if not draft.msg.data_initial_chunk:
            raise DataError("Data length provided, but no initial chunk")
        if draft.msg.data_length > MAX_DATA:
            raise DataError("Data length exceeds limit")


def initial_chunk(draft: Draft) -> None:
    if len(draft.msg.data_initial_chunk) > draft.msg.data_length:
        raise DataError("Invalid size of initial chunk")


def initial_chunk_of_data(draft: Draft) -> None:
    if draft.msg.data_length > 0:
        initial_chunk(draft)


def recipient_length(draft: Draft) -> None:
    if len(draft.msg.to) not in (0, 40, 42):
        raise DataError("Invalid recipient address")


def creation(draft: Draft) -> None:
    if not draft.msg.to and draft.msg.data_length == 0:
        raise DataError("Contract creation without data")


def read_recipient(draft: Draft) -> None:
    try:
        draft.recipient = parse_address(draft.msg.to)
    except FirmwareError as error:
        raise draft.wallet.rules.stumble(error.message) from None


def read_recipient_leniently(draft: Draft) -> None:
    draft.recipient = parse_address_leniently(draft.msg.to) or b""


def safe_recipient(draft: Draft) -> None:
    to = (draft.msg.to or "").encode()  # a C string: its bytes are counted
    if len(to) not in (0, 40, 42) or (not to and draft.msg.data_length == 0):
        raise DataError("Safety check failed")
    read_recipient_leniently(draft)


def _fees_overflow(msg: Message) -> bool:
    prices = (getattr(msg, name, b"") for name in ("gas_price", "max_gas_fee", "max_priority_fee"))
    return any(len(price) + len(msg.gas_limit) > MAX_FEE_BYTES for price in prices)


def fees(draft: Draft) -> None:
    if _fees_overflow(draft.msg):
        raise DataError("Fee overflow")


def safe_fees(draft: Draft) -> None:
    if _fees_overflow(draft.msg):
        raise DataError("Safety check failed")


def _has_unknown_type(msg: Message) -> bool:
    return getattr(msg, "tx_type", None) not in WANCHAIN_TYPES


def wanchain_type(draft: Draft) -> None:
    if _has_unknown_type(draft.msg):
        raise DataError("tx_type out of bounds")


def legacy_wanchain_type(draft: Draft) -> None:
    if _has_unknown_type(draft.msg):
        raise DataError("Txtype out of bounds")


@dataclass(frozen=True, slots=True)
class Checks:
    """The steps of one firmware, for transactions before and since EIP-1559."""

    legacy: tuple[Step, ...]
    eip1559: tuple[Step, ...]


_COMMON = (data_length, initial_chunk, recipient_length, creation, chain)
CORE = Checks(
    legacy=(*_COMMON, read_recipient, wanchain_type, fees, path),
    eip1559=(fees, *_COMMON, path, read_recipient),
)
_FORK = (fees, data_length, initial_chunk_of_data, recipient_length, creation, chain, path, read_recipient)
ONEKEY_PRO = Checks(legacy=(wanchain_type, *_FORK), eip1559=_FORK)
_LEGACY = (path, chain, data_length, initial_chunk, safe_recipient, safe_fees)
LEGACY = Checks(legacy=(*_LEGACY, legacy_wanchain_type), eip1559=_LEGACY)


def run(steps: tuple[Step, ...], msg: Message, wallet: Wallet) -> Draft:
    """Take the steps one after the other. Raises DataError, ProcessError, ActionCancelled."""
    draft = Draft(msg, wallet)
    for step in steps:
        step(draft)
    return draft
