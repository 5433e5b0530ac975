"""What is refused of an Ethereum request before a device sees it, and of a signature before it is used.

Genuine devices sign a `to` that is no hex as contract creation, wrong checksums, a tip above the maximum
fee, access-list keys of 31 bytes and absurd prices; the bounds here are sanity, the policy has its own.
"""

from __future__ import annotations

from typing import Final

from vault.bip32 import HARDENED
from vault.device.bitcoin.signatures import HINT
from vault.device.ethereum.request import EthereumAccount
from vault.device.paths import MAX_INDEX, format_path
from vault.errors import AddressError, DeceivedError, DeviceError, EthereumError, WrongDeviceError
from vault.evm.address import address_bytes
from vault.evm.transaction import ORDER, EthereumSignature, EthereumTransaction, LegacyTransaction, recover

MAX_CHAIN_ID: Final = 2**63 - 1 - 36  # EIP-2294: 2 * id + 36 fits 64 bits
MAX_NONCE: Final = 2**64 - 2  # EIP-2681
MIN_GAS: Final = 21_000  # what a transfer of ether costs, the cheapest transaction
MAX_GAS: Final = 2**24  # EIP-7825: no transaction may use more
MAX_GAS_PRICE: Final = 10_000 * 10**9  # 10,000 gwei: ten times the highest prices ever paid
MAX_FEE: Final = 10 * 10**18  # ten ether for one transaction is a mistake of units
MAX_VALUE: Final = 200_000_000 * 10**18  # more ether than there is
MAX_DATA: Final = 6144  # core firmware keeps no more to show it
MAX_MESSAGE: Final = 1024  # what the smallest device takes
MAX_ACCESS_ENTRIES: Final = 64

_ETHER: Final = (60 | HARDENED, 1 | HARDENED)  # SLIP-44; the second for test networks


def check_address(address: str, what: str) -> bytes:
    """The 20 bytes of an address in exactly its EIP-55 form, which is not the zero address.

    Raises `DeviceError` (``device.bad_ethereum_address``).
    """
    try:
        return address_bytes(address, what)
    except AddressError as error:
        raise DeviceError(
            "bad_ethereum_address",
            error.message,
            hint="A device takes what it cannot read for the creation of a contract.",
        ) from None


def check_account(account: EthereumAccount) -> None:
    """An address path of BIP44, and a well-formed address. Raises `DeviceError`."""
    path = account.path
    if (
        len(path) != 5
        or path[0] != 44 | HARDENED
        or path[1] not in _ETHER
        or path[2] < HARDENED
        or path[3] != 0
        or path[4] > MAX_INDEX
    ):
        raise DeviceError("forbidden_path", f"expected m/44h/60h/account'/0/index, found {format_path(path)}")
    check_address(account.address, "the account")


def check_transaction(tx: EthereumTransaction, account: EthereumAccount) -> None:
    """Every field in its range, every address in its form. Raises `DeviceError`."""
    check_account(account)
    check_address(tx.to, "recipient")
    _within("chain id", tx.chain_id, 1, MAX_CHAIN_ID)
    if tx.chain_id == 1 and account.path[1] != _ETHER[0]:
        raise DeviceError("forbidden_path", "expected coin type 60h on chain 1, found that of test networks")
    _within("nonce", tx.nonce, 0, MAX_NONCE)
    _within("gas limit", tx.gas_limit, MIN_GAS, MAX_GAS)
    _within("value", tx.value, 0, MAX_VALUE)
    if type(tx.data) is not bytes or len(tx.data) > MAX_DATA:
        raise DeviceError("bad_ethereum_field", f"expected at most {MAX_DATA} bytes of data")
    if isinstance(tx, LegacyTransaction):
        price = tx.gas_price
        _within("gas price", price, 1, MAX_GAS_PRICE)
    else:
        price = tx.max_fee
        _within("maximum fee per gas", price, 1, MAX_GAS_PRICE)
        _within("priority fee per gas", tx.max_priority_fee, 0, price)
        _check_access_list(tx.access_list)
    _within("fee (price times limit)", price * tx.gas_limit, 1, MAX_FEE)


def _check_access_list(entries: tuple[object, ...]) -> None:
    if len(entries) > MAX_ACCESS_ENTRIES:
        raise DeviceError("bad_ethereum_field", f"expected at most {MAX_ACCESS_ENTRIES} access entries")
    for number, entry in enumerate(entries):
        check_address(getattr(entry, "address", ""), f"access entry {number}")
        for key in getattr(entry, "storage_keys", ()):
            if type(key) is not bytes or len(key) != 32:
                raise DeviceError(
                    "bad_ethereum_field",
                    f"access entry {number}: expected storage keys of 32 bytes, found {len(key)}",
                )


def _within(what: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise DeviceError("bad_ethereum_field", f"{what}: expected {low} to {high}, found {value!r}")


def check_message(text: str) -> bytes:
    """7-bit visible text and newlines. Raises `DeviceError` (``device.bad_message``)."""
    if not 0 < len(text) <= MAX_MESSAGE or any(char != "\n" and not " " <= char <= "~" for char in text):
        raise DeviceError(
            "bad_message", f"expected 1 to {MAX_MESSAGE} characters of visible 7-bit text and newlines"
        )
    return text.encode("ascii")


def require_address(account: EthereumAccount, found: str | None, *, required: bool = True) -> None:
    """The address that the device names is the configured one. Raises `WrongDeviceError`."""
    if not found and not required:
        return
    if (found or "").lower() != account.address.lower():
        raise WrongDeviceError(
            "wrong_account",
            f"expected {account.address} at {format_path(account.path)}, found another address",
            hint="Connect the device that is configured, or correct the account's path.",
            expected=account.address,
            found=(found or "")[:42],
        )


def checked_signature(
    account: EthereumAccount, digest: bytes, vrs: tuple[int, bytes, bytes], offset: int
) -> EthereumSignature:
    """A signature with v of `offset` or one more, in range, low in s, and by the account's key.

    Raises `DeceivedError`: ``bad_signature``, ``invalid_signature``.
    """
    v, r, s = vrs
    if len(r) != 32 or len(s) != 32 or v not in {offset, offset + 1}:
        raise _bad(f"expected two numbers of 32 bytes and v {offset} or {offset + 1}, ", len(r), len(s), v)
    signature = EthereumSignature(v - offset, v, int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    if not 0 < signature.r < ORDER or not 0 < signature.s <= ORDER // 2:
        raise _bad("expected r and a low s within the curve's order (EIP-2), ", len(r), len(s), v)
    try:
        signer = recover(digest, signature)
    except EthereumError:
        signer = "nobody"
    if signer != account.address:
        raise DeceivedError(
            "invalid_signature",
            f"expected a signature of {account.address} over what was asked for, found one of {signer}",
            hint="Another key signed, or something else was signed. " + HINT,
        )
    return signature


def _bad(expected: str, r: int, s: int, v: int) -> DeceivedError:
    return DeceivedError("bad_signature", f"{expected}found {r} and {s} bytes and v {v}", hint=HINT)
