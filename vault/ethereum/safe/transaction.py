"""A Safe transaction as its owners sign it, and its three hashes (EIP-712, as the contract makes them).

Refuses every operation but CALL, every refund of gas, and whatever is no plain Safe transaction: what has
these has no form here, so that nothing further on can hash it, show it or sign it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.errors import AddressError, EthereumError, SafeError
from vault.ethereum.safe.versions import DELEGATES
from vault.evm.address import ZERO_ADDRESS, address_bytes
from vault.evm.call import SafeCall
from vault.evm.typed import DOMAIN, Member, StructType, TypedData, Value, shown

SAFE_TX: Final = "SafeTx"
MAX_DATA: Final = 32 * 1024  # of the inner call; ours are below 300 bytes
MAX_NONCE: Final = 2**53  # one a second for longer than there will be Safes; what JSON holds everywhere
SENTINEL: Final = "0x0000000000000000000000000000000000000001"  # ends the Safe's own lists
_MEMBERS: Final = (
    ("to", "address"),
    ("value", "uint256"),
    ("data", "bytes"),
    ("operation", "uint8"),
    ("safeTxGas", "uint256"),
    ("baseGas", "uint256"),
    ("gasPrice", "uint256"),
    ("gasToken", "address"),
    ("refundReceiver", "address"),
    ("nonce", "uint256"),
)
_STRUCTS: Final = (
    StructType(DOMAIN, (Member("chainId", "uint256"), Member("verifyingContract", "address"))),
    StructType(SAFE_TX, tuple(Member(name, kind) for name, kind in _MEMBERS)),
)
NUMBERS_OF_REFUND: Final = ("safeTxGas", "baseGas", "gasPrice")
ADDRESSES_OF_REFUND: Final = ("gasToken", "refundReceiver")


@dataclass(frozen=True, slots=True)
class SafeTx:
    """One call of a Safe; operation CALL, no refund. `value` in wei, addresses EIP-55."""

    chain_id: int
    safe: str
    to: str
    value: int
    data: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class SafeHashes:
    """What devices show: `domain` and `message` on one that signs by hashes, `safe_tx` is what is signed."""

    domain: bytes
    message: bytes
    safe_tx: bytes

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Each by its name, in full."""
        return (
            ("domain hash", f"0x{self.domain.hex()}"),
            ("message hash", f"0x{self.message.hex()}"),
            ("safeTxHash", f"0x{self.safe_tx.hex()}"),
        )


def safe_tx(chain_id: int, call: SafeCall) -> SafeTx:
    """What the owners sign for a plan's call. Raises `SafeError` (``safe.bad_form``) for what is none."""
    if not call.data.startswith("0x") or call.data != call.data.lower():
        raise _bad(f"expected data as 0x and lower-case hex digits, found {call.data[:40]!r}")
    try:
        data = bytes.fromhex(call.data[2:])
    except ValueError:
        raise _bad(f"expected data as 0x and hex digits, found {call.data[:40]!r}") from None
    found = SafeTx(chain_id, call.address, call.to, call.value, data, call.nonce)
    require_form(found)
    _require_owners(call.address, call.owners, call.threshold)
    return found


def require_form(tx: SafeTx) -> None:
    """Addresses somebody has, numbers in range. Raises `SafeError` (``safe.bad_form``)."""
    _address(tx.safe, "safe")
    _address(tx.to, "to")
    if not 0 < tx.chain_id <= 2**53:
        raise _bad(f"expected a chain id, found {tx.chain_id}")
    if not 0 <= tx.value < 2**128:
        raise _bad(f"expected a value of at most 128 bits, found {tx.value}")
    if not 0 <= tx.nonce <= MAX_NONCE:
        raise _bad(f"expected a nonce of at most {MAX_NONCE}, found {tx.nonce}")
    if len(tx.data) > MAX_DATA:
        raise _bad(f"expected at most {MAX_DATA} bytes of data, found {len(tx.data)}")
    if tx.to == SENTINEL:
        raise _bad("expected a destination, found the sentinel address 0x…01")
    if (name := DELEGATES.get(tx.to)) is not None:
        raise EthereumError(
            "unknown_call",
            f"expected one call that can be read, found {name}: it is made to be delegatecalled",
            hint="Batches and migrations are not signed here. Ask for each call on its own.",
        )


def _require_owners(safe: str, owners: tuple[str, ...], threshold: int) -> None:
    for each in owners:
        _address(each, "owner")
    if len(set(owners)) != len(owners) or {safe, SENTINEL} & set(owners):
        raise _bad("expected each owner once, and neither the Safe itself nor the sentinel")
    if not 1 <= threshold <= len(owners):
        raise _bad(f"expected a threshold of 1 to {len(owners)}, found {threshold}")


def _address(text: str, what: str) -> bytes:
    try:
        return address_bytes(text, what)
    except AddressError as error:
        raise _bad(error.message) from None


def _bad(what: str) -> SafeError:
    return SafeError("bad_form", f"Safe transaction: {what}")


def typed_data(tx: SafeTx) -> TypedData:
    """The EIP-712 data (domain of chain and contract, as Safes from 1.3.0 on have it)."""
    require_form(tx)
    nobody = bytes(20)
    message: tuple[Value, ...] = (
        *(address_bytes(tx.to), tx.value, tx.data),
        *(0, 0, 0, 0, nobody, nobody),
        tx.nonce,
    )
    return TypedData(_STRUCTS, SAFE_TX, (tx.chain_id, address_bytes(tx.safe)), message)


def hashes(tx: SafeTx) -> SafeHashes:
    """Domain hash, message hash and safeTxHash."""
    data = typed_data(tx)
    return SafeHashes(data.domain_hash(), data.message_hash(), data.digest())


def require_hash(tx: SafeTx, claimed: str, what: str) -> None:
    """A hash that somebody wrote beside the fields is theirs. Raises `SafeError` (``safe.wrong_hash``)."""
    found = f"0x{hashes(tx).safe_tx.hex()}"
    if claimed != found:
        raise SafeError(
            "wrong_hash",
            f"{what}: expected the hash of its own fields, {found}, found {claimed[:80]}",
            hint="The fields and the hash are of two transactions: sign neither.",
        )


def from_typed(data: TypedData) -> SafeTx:
    """The Safe transaction that typed data are.

    Raises `SafeError` (``safe.delegatecall``, ``safe.refund``, ``safe.not_safe_tx``, ``safe.bad_form``).
    """
    types = {each.name: each.members for each in data.structs}
    if data.primary_type != SAFE_TX or types != {each.name: each.members for each in _STRUCTS}:
        raise SafeError(
            "not_safe_tx",
            f"expected typed data of a Safe transaction ({data.type_text(SAFE_TX)[:200]})"
            if SAFE_TX in types
            else f"expected typed data of a Safe transaction, found {data.primary_type}",
            hint="Only transactions of Safes from version 1.3.0 on are read here.",
        )
    kinds = dict(_MEMBERS)
    fields = {
        name: shown("address", value) if kinds[name] == "address" else value
        for (name, _), value in zip(_MEMBERS, data.message, strict=True)
    }
    require_plain(fields)
    chain_id, safe = data.domain
    to, value, inner, nonce = (fields[name] for name in ("to", "value", "data", "nonce"))
    if not (isinstance(chain_id, int) and isinstance(value, int) and isinstance(nonce, int)):
        raise _bad("expected numbers")
    if not (isinstance(to, str) and isinstance(inner, bytes)):
        raise _bad("expected an address and bytes")
    found = SafeTx(chain_id, shown("address", safe), to, value, inner, nonce)
    require_form(found)
    return found


def require_plain(fields: Mapping[str, object]) -> None:
    """Operation CALL and no refund. Raises `SafeError` (``safe.delegatecall``, ``safe.refund``)."""
    if fields["operation"] != 0:
        raise SafeError(
            "delegatecall",
            f"expected operation 0 (CALL), found {str(fields['operation'])[:20]}: a DELEGATECALL runs "
            "foreign code as the Safe itself, and can take it over whole",
            hint="Do not sign it, on no device. Ask whoever proposed it; this is how Bybit lost 1.5 billion.",
        )
    wrong = [name for name in NUMBERS_OF_REFUND if fields[name] != 0]
    wrong += [name for name in ADDRESSES_OF_REFUND if fields[name] != ZERO_ADDRESS]
    if wrong:
        raise SafeError(
            "refund",
            f"expected no refund of gas, found {', '.join(f'{name} {fields[name]}' for name in wrong)}",
            hint="A refund pays gas out of the Safe to whom it names; with safeTxGas a failed call counts as "
            "done. Ask for a transaction without them.",
        )
