"""A signed Hyperliquid withdrawal against what was planned: who signed it, and every field of it.

Pure. Refuses another signer than the venue account's own key (an API wallet cannot withdraw), and a field
that differs in whatever way.
"""

from __future__ import annotations

from dataclasses import dataclass

from vault.errors import EthereumError
from vault.ethereum.hyperliquid.actions import CHAIN_ID, SignedAction, Withdraw, amount_text, typed_data
from vault.evm.address import evm_checksummed
from vault.evm.transaction import recover
from vault.money import Amount


@dataclass(frozen=True, slots=True)
class PlannedWithdrawal:
    """`account` is the venue account, `amount` what leaves it; `nonce` None before it was signed."""

    account: str
    destination: str
    amount: Amount
    nonce: int | None = None


def require_withdrawal(signed: SignedAction, planned: PlannedWithdrawal) -> Withdraw:
    """The action, when it is exactly the planned one, signed by the account itself.

    Raises `EthereumError`: ``altered_action``, ``wrong_signer``, ``bad_signature``, ``bad_action``.
    """
    action = signed.action
    if not isinstance(action, Withdraw):
        raise _altered("type", "withdraw3", "usdClassTransfer")
    wanted = (
        ("destination", planned.destination.lower(), action.destination.lower()),
        ("amount", amount_text(planned.amount), amount_text(action.amount)),
        ("nonce", str(action.nonce if planned.nonce is None else planned.nonce), str(action.nonce)),
        ("signatureChainId", str(CHAIN_ID), str(signed.signature_chain_id)),
    )
    for field, expected, found in wanted:
        if expected != found:
            raise _altered(field, expected, found)
    if planned.amount.asset != action.amount.asset:
        raise _altered("asset", planned.amount.asset.symbol, action.amount.asset.symbol)
    account = evm_checksummed(planned.account)
    signer = recover(typed_data(action, signed.signature_chain_id).digest(), signed.signature)
    if signer != account:
        raise EthereumError(
            "wrong_signer",
            f"expected the signature of {account}, found that of {signer}",
            hint="Only the key that owns a Hyperliquid account withdraws from it: use that device and path.",
        )
    return action


def _altered(field: str, expected: str, found: str) -> EthereumError:
    return EthereumError(
        "altered_action",
        f"Hyperliquid action: expected {field} {expected}, found {found[:80]}",
        hint="Do not send it. Something between plan and device changed what was signed.",
        field=field,
        expected=expected,
        found=found[:80],
    )
