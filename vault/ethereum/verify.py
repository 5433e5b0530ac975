"""Is this transaction what the plan says, and is what the device returned what was asked? No library decides.

`verify_call` refuses before the device; `verify_signed` after it; each reason has its own code. Refused is
whatever is not exactly the one planned movement: unknown calldata, ether with a token's call, an allowance,
the creation of a contract, another chain, prices above the caps, a Safe called with more than its call.

The whole verifier is this file with `decode`, `tokens`, `contracts` and `vault.evm`: to be audited in one
sitting.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from vault.errors import AddressError, EthereumError
from vault.ethereum.caps import MAX_GAS, FeeCaps
from vault.ethereum.chains import chain_of
from vault.ethereum.contracts import erc20
from vault.ethereum.decode import ETHER, DecodedCall, Directory, data_bytes, decimal_text, decode_call
from vault.ethereum.tokens import looks_alike, token_at, token_of
from vault.evm.address import address_bytes
from vault.evm.call import EthereumCall
from vault.evm.hashing import keccak
from vault.evm.transaction import (
    EthereumSignature,
    FeeMarketTransaction,
    parse_signed,
    recover,
    signing_digest,
)
from vault.money import Amount, Asset

BASE_GAS: Final = 21_000  # what every transaction costs before its first step (yellow paper)
MAX_NONCE: Final = 2**64 - 2  # EIP-2681
MAX_VALUE: Final = 200_000_000 * 10**18  # more ether than there is
_GWEI: Final = 9  # decimals


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """`amount` leaves `payer` (the sender, or its Safe) for `recipient`, and nothing else moves."""

    chain_id: int
    payer: str
    amount: Amount
    recipient: str


@dataclass(frozen=True, slots=True)
class ExpectedRevoke:
    """What `spender` may take of the payer's `asset` becomes zero, and nothing moves."""

    chain_id: int
    payer: str
    asset: Asset
    spender: str


@dataclass(frozen=True, slots=True)
class ExpectedCancel:
    """Nothing but the nonce is used."""

    chain_id: int
    payer: str


@dataclass(frozen=True, slots=True)
class ExpectedExact:
    """A call that another module planned and judged, to the byte; its function is in the directory."""

    chain_id: int
    payer: str
    to: str
    value: int
    data: str


Expected = ExpectedPayment | ExpectedRevoke | ExpectedCancel | ExpectedExact


@dataclass(frozen=True, slots=True)
class VerifiedTransaction:
    """`raw` are the bytes that may leave; `transaction_hash` (0x and hex) is our own hash of them."""

    raw: bytes
    transaction_hash: str
    transaction: FeeMarketTransaction
    signature: EthereumSignature


def verify_call(
    call: EthereumCall, expected: Expected, caps: FeeCaps, directory: Directory | None = None
) -> DecodedCall:
    """Prove that `call` does what `expected` says and nothing else; of a Safe, what its owners sign.

    `directory` names the contracts of ours beside the tokens. Raises `EthereumError`.
    """
    chain_of(call.chain_id)
    if call.chain_id != expected.chain_id:
        raise EthereumError("wrong_chain_id", f"expected chain {expected.chain_id}, found {call.chain_id}")
    _require_address(call.sender, "sender")
    _require_destination(call.to, call.data)
    _within("nonce", call.nonce, 0, MAX_NONCE)
    _within("value", call.value, 0, MAX_VALUE)
    data = data_bytes(call.data)
    _require_gas(call, data, caps)
    to, value = call.to, call.value
    if call.safe is not None:
        _require_safe_outer(call)
        to, value, data = call.safe.to, call.safe.value, data_bytes(call.safe.data)
        _require_destination(to, call.safe.data)
        _within("value", value, 0, MAX_VALUE)
    payer = call.sender if call.safe is None else call.safe.address
    if payer != expected.payer:
        raise EthereumError("wrong_payer", f"expected that {expected.payer} pays, found {payer}")
    decoded = decode_call(call.chain_id, to, value, data, directory)
    match expected:
        case ExpectedPayment():
            _require_payment(decoded, expected)
        case ExpectedRevoke():
            _require_revoke(decoded, expected)
        case ExpectedCancel():
            _require_cancel(decoded, expected)
        case ExpectedExact():
            _require_exact(decoded, data, expected)
    return decoded


def to_transaction(call: EthereumCall, data: bytes | None = None) -> FeeMarketTransaction:
    """What the device signs. `data` is a Safe's execTransaction with its owners' signatures.

    Raises `EthereumError` (``bad_calldata``) for a Safe's call without it, and for another's with it.
    """
    if (call.safe is None) != (data is None):
        raise EthereumError(
            "bad_calldata",
            "expected the Safe's signed call" if data is None else "expected no other data than the call's",
        )
    return FeeMarketTransaction(
        call.chain_id,
        call.nonce,
        call.max_priority_fee,
        call.max_fee,
        call.gas_limit,
        call.to,
        call.value,
        data_bytes(call.data) if data is None else data,
    )


def verify_signed(raw: bytes, call: EthereumCall, data: bytes | None = None) -> VerifiedTransaction:
    """Prove that `raw` is `call`, whole and unaltered, signed by its sender; hash it ourselves.

    `data` as in `to_transaction`. Raises `EthereumError`: ``bad_transaction``, ``bad_signature``,
    ``altered_transaction`` (its details name the field), ``wrong_signer``.
    """
    asked = to_transaction(call, data)
    found, signature = parse_signed(raw)
    if not isinstance(found, FeeMarketTransaction):
        raise _altered("type", 2, 0)
    for field in fields(FeeMarketTransaction):
        planned, returned = getattr(asked, field.name), getattr(found, field.name)
        if planned != returned:
            raise _altered(field.name, planned, returned)
    signer = recover(signing_digest(asked), signature)
    if signer != call.sender:
        raise EthereumError(
            "wrong_signer",
            f"expected a signature of {call.sender} over this transaction, found one of {signer}",
            hint="Another key signed, or another transaction was signed. Do not send it.",
            expected=call.sender,
            found=signer,
        )
    return VerifiedTransaction(raw, f"0x{keccak(raw).hex()}", found, signature)


def _altered(field: str, planned: object, returned: object) -> EthereumError:
    shown = [f"0x{each.hex()}" if isinstance(each, bytes) else str(each) for each in (planned, returned)]
    return EthereumError(
        "altered_transaction",
        f"{field}: expected {shown[0]}, found {shown[1]}",
        hint="What came back is not what was asked. Do not send it; check device and host.",
        field=field,
        expected=shown[0],
        found=shown[1],
    )


def _require_address(address: str, what: str) -> None:
    try:
        address_bytes(address, what)
    except AddressError as error:
        raise EthereumError(
            "bad_address", error.message, hint="Take addresses from the address book only."
        ) from None


def _require_destination(to: str, data: str) -> None:
    """Devices take a `to` that is no address for the creation of a contract, with the value in it."""
    if (
        len(to) != 42
        or not to.startswith("0x")
        or not all(each in "0123456789abcdefABCDEF" for each in to[2:])
    ):
        kind = f"{len(data) // 2 - 1} bytes of data" if len(data) > 2 else "no data"
        raise EthereumError(
            "creates_contract",
            f"expected a destination of 0x and 40 hex digits, found {ascii(to)[:80]} and {kind}",
            hint="A device would sign it as the creation of a contract. Nothing of ours creates one.",
        )
    _require_address(to, "destination")


def _within(what: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise EthereumError("bad_field", f"{what}: expected {low} to {high}, found {value}")


def _require_gas(call: EthereumCall, data: bytes, caps: FeeCaps) -> None:
    least = BASE_GAS + floor_gas(data)
    if type(call.gas_limit) is not int or not least <= call.gas_limit <= MAX_GAS:
        raise EthereumError(
            "bad_gas_limit", f"expected a gas limit of {least} to {MAX_GAS}, found {call.gas_limit}"
        )
    if type(call.max_fee) is not int or not 0 < call.max_fee <= caps.max_fee_per_gas:
        raise EthereumError(
            "fee_too_high",
            f"expected at most {_gwei(caps.max_fee_per_gas)} a gas, found {_gwei(call.max_fee)}",
            hint="Wait for a cheaper hour, or raise the cap where the policy sets it.",
        )
    if type(call.max_priority_fee) is not int or not 0 <= call.max_priority_fee <= call.max_fee:
        raise EthereumError(
            "tip_above_fee",
            f"expected a tip of at most {_gwei(call.max_fee)}, found {_gwei(call.max_priority_fee)}",
        )
    # Only an OP chain takes one; what it takes is no field of the transaction, and no signature bounds it.
    _within("data fee", call.data_fee, 0, MAX_VALUE if chain_of(call.chain_id).fee == "optimism" else 0)
    if call.max_gas_cost > caps.max_cost:
        raise EthereumError(
            "cost_too_high",
            f"expected gas and data for at most {caps.max_cost} wei, found {call.max_gas_cost}",
            hint="Wait for a cheaper hour, or raise the cap where the policy sets it.",
        )


def floor_gas(data: bytes) -> int:
    """The gas that calldata costs at least (EIP-7623)."""
    zeros = data.count(0)
    return 10 * (zeros + 4 * (len(data) - zeros))


def _gwei(wei: int) -> str:
    return f"{decimal_text(wei, _GWEI)} gwei"


def _require_safe_outer(call: EthereumCall) -> None:
    safe = call.safe
    if safe is None or (call.to, call.value, call.data) != (safe.address, 0, "0x"):
        raise EthereumError(
            "safe_outer",
            "expected a transaction to the Safe itself, without value and data of its own, "
            f"found {call.value} wei and {call.data[:10]} to {call.to}",
        )
    if call.sender == safe.address:
        raise EthereumError("wrong_payer", "expected an account that pays for the Safe, found the Safe")


def _require_payment(call: DecodedCall, expected: ExpectedPayment) -> None:
    amount = expected.amount
    _require_address(expected.recipient, "recipient")
    if call.units == 0:
        raise EthereumError("zero_amount", f"expected {amount} to {expected.recipient}, found nothing")
    _require_asset(call, amount.asset)
    if call.function == erc20.APPROVE:
        raise EthereumError(
            "grants_allowance",
            f"expected a transfer to {expected.recipient}, found leave for {call.party} to take {call.units}",
        )
    _require_party(call, expected.recipient, "wrong_recipient")
    if call.units != amount.units:
        raise EthereumError(
            "wrong_amount", f"expected {amount.units} base units ({amount}), found {call.units}"
        )
    if expected.recipient == expected.payer:
        raise EthereumError("self_transfer", f"expected another recipient than the payer {expected.payer}")
    if token := token_at(call.chain_id, expected.recipient):
        raise EthereumError(
            "to_token_contract",
            f"expected somebody's address, found the contract of {token.asset}, which gives nothing back",
        )


def _require_revoke(call: DecodedCall, expected: ExpectedRevoke) -> None:
    _require_asset(call, expected.asset)
    if call.function != erc20.APPROVE:
        raise _not_planned(call, f"an allowance of {expected.asset} set to zero")
    if call.units:
        raise EthereumError(
            "grants_allowance",
            f"expected an allowance of zero, found {call.units} base units for {call.party}",
        )
    _require_party(call, expected.spender, "wrong_spender")


def _require_cancel(call: DecodedCall, expected: ExpectedCancel) -> None:
    if call.contract != ETHER or call.value or call.to != expected.payer:
        raise _not_planned(call, f"nothing to {expected.payer} itself")


def _require_exact(call: DecodedCall, data: bytes, expected: ExpectedExact) -> None:
    if (call.to, call.value, data) != (expected.to, expected.value, data_bytes(expected.data)):
        raise _not_planned(call, f"{expected.value} wei and {expected.data} to {expected.to}")


def _require_asset(call: DecodedCall, asset: Asset) -> None:
    """The call is the coin's or the token's that is planned, and nothing goes with a token's call."""
    token = None if asset == chain_of(call.chain_id).coin else token_of(call.chain_id, asset)
    if call.contract == ETHER and token is not None and call.to == token.address:
        raise EthereumError("to_token_contract", f"expected a call of {asset}, found ether for its contract")
    if call.asset != asset or call.token != token:
        raise EthereumError(
            "wrong_asset", f"expected {asset}, found {call.asset or call.title} by a call of {call.to}"
        )
    if token is not None and call.value:
        raise EthereumError(
            "value_with_call", f"expected no ether with a token's call, found {call.value} wei"
        )


def _require_party(call: DecodedCall, planned: str, code: str) -> None:
    if call.party is None or call.party == planned:
        return
    if looks_alike(call.party, planned):
        raise EthereumError(
            "lookalike_recipient",
            f"expected {planned}, found {call.party}: both ends are the same, the middle is not",
            hint="Somebody made an address to be mistaken for it. Take none from a history.",
        )
    raise EthereumError(code, f"expected {planned}, found {call.party}")


def _not_planned(call: DecodedCall, planned: str) -> EthereumError:
    return EthereumError("not_planned", f"expected {planned}, found: {'; '.join(call.lines())}")
