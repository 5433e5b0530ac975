"""Planned calls, and keys that sign them, for tests of what is verified before and after a device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from vault.ethereum.build import CallPart, payment
from vault.ethereum.caps import FeeCaps
from vault.ethereum.decode import data_text
from vault.ethereum.verify import ExpectedPayment
from vault.evm.address import checksum_address
from vault.evm.call import EthereumCall, SafeCall
from vault.evm.hashing import keccak
from vault.evm.transaction import EthereumSignature, EthereumTransaction, LegacyTransaction, signing_digest
from vault.money import ETH, USDC, USDT, Amount

GWEI = 10**9
OWNER = PrivateKey(bytes(31) + b"\x07")
THIEF = PrivateKey(bytes(31) + b"\x66")
RECIPIENT = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"
SAFE = "0x5aFE3855358E112B5647B952709E6165e1c1eEEe"
CAPS = FeeCaps(200 * GWEI, 10**17)


def address_of(key: PrivateKey) -> str:
    return checksum_address(keccak(key.public_key.format(compressed=False)[1:])[12:])


SENDER = address_of(OWNER)


def call_of(part: CallPart, **changes: Any) -> EthereumCall:
    """A transaction of our account that makes this call."""
    call = EthereumCall(
        chain_id=1,
        account="cold-eth",
        sender=SENDER,
        nonce=7,
        gas_limit=90_000,
        max_fee=30 * GWEI,
        max_priority_fee=GWEI,
        to=part.to,
        value=part.value,
        data=part.data,
        block=20_000_000,
    )
    return replace(call, **changes)


def safe_call_of(part: CallPart, **changes: Any) -> EthereumCall:
    """A transaction of our account that has a Safe make this call."""
    inner = SafeCall(
        address=SAFE,
        version="1.4.1",
        implementation="0x41675C099F32341bf84BFc5382aF534df5C7461a",
        nonce=3,
        to=part.to,
        value=part.value,
        data=part.data,
        owners=(SENDER, RECIPIENT),
        threshold=2,
    )
    outer = call_of(CallPart(SAFE, 0, "0x"), gas_limit=200_000)
    return replace(outer, safe=replace(inner, **changes))


def amount_of(units: int, asset: Any = USDC) -> Amount:
    return Amount(asset, units)


def planned(
    amount: Amount, recipient: str = RECIPIENT, payer: str = SENDER, chain_id: int = 1
) -> tuple[CallPart, ExpectedPayment]:
    return payment(chain_id, amount, recipient), ExpectedPayment(chain_id, payer, amount, recipient)


ONE_ETHER = Amount(ETH, 10**18)
USDC_1500 = Amount(USDC, 1_500_250_000)
USDT_99 = Amount(USDT, 99_000_001)


def sign(tx: EthereumTransaction, key: PrivateKey = OWNER) -> EthereumSignature:
    raw = key.sign_recoverable(signing_digest(tx), hasher=None)
    parity = raw[64]
    v = parity + 35 + 2 * tx.chain_id if isinstance(tx, LegacyTransaction) else parity
    return EthereumSignature(parity, v, int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"))


def text(data: bytes) -> str:
    return data_text(data)
