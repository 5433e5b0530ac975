"""The calls that we make: payments, an allowance taken back, a transaction that does nothing.

Pure; what is built is verified again before it is signed. Refuses negative and unrepresentable amounts.
"""

from __future__ import annotations

from dataclasses import dataclass

from vault.errors import EthereumError
from vault.ethereum.chains import chain_of
from vault.ethereum.contracts import erc20
from vault.ethereum.decode import data_text
from vault.ethereum.tokens import token_of
from vault.evm.address import address_bytes
from vault.money import Amount, Asset


@dataclass(frozen=True, slots=True)
class CallPart:
    """What goes into an `EthereumCall` or a `SafeCall`: whom it calls, wei that go with it, calldata."""

    to: str
    value: int
    data: str


def payment(chain_id: int, amount: Amount, recipient: str) -> CallPart:
    """A transfer of the chain's coin or of a registered token to an address (EIP-55).

    Raises `EthereumError` (``ethereum.unknown_token``, ``ethereum.zero_amount``), `AddressError`.
    """
    address_bytes(recipient, "recipient")
    if amount.units <= 0:
        raise EthereumError("zero_amount", f"expected an amount above zero, found {amount}")
    if amount.asset == chain_of(chain_id).coin:
        return CallPart(recipient, amount.units, "0x")
    token = token_of(chain_id, amount.asset)
    return CallPart(token.address, 0, data_text(erc20.TRANSFER.encode(recipient, amount.units)))


def revoke(chain_id: int, asset: Asset, spender: str) -> CallPart:
    """A token's allowance for `spender` set to zero. Raises as `payment` does."""
    address_bytes(spender, "spender")
    token = token_of(chain_id, asset)
    return CallPart(token.address, 0, data_text(erc20.APPROVE.encode(spender, 0)))


def cancel(payer: str) -> CallPart:
    """Nothing, to oneself: it only uses the nonce. Raises `AddressError`."""
    address_bytes(payer, "account")
    return CallPart(payer, 0, "0x")
