"""What the call of a transfer is expected to be, in terms of payments, allowances and owners.

Said by the plan's payments and its action, never by the call alone, where the plan says it. Refuses a call
that fits none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import EthereumError, PlanError
from vault.treasury.ethereum.accounts import chain_named

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.ethereum.decode import DecodedCall, Directory
    from vault.ethereum.verify import Expected
    from vault.evm.call import EthereumCall
    from vault.treasury.plan import Transfer


def expected_of(treasury: Treasury, transfer: Transfer) -> Expected:
    """What the transfer's call must be. Raises `PlanError`, `EthereumError`."""
    from vault.ethereum.verify import ExpectedCancel, ExpectedExact, ExpectedPayment

    call = transfer.ethereum
    payer = call.safe.address if call.safe else call.sender
    if transfer.payments:
        payment = transfer.payment
        return ExpectedPayment(call.chain_id, payer, payment.amount, payment.address)
    to, value, data = what_it_does(call)
    if (to, value, data) == (payer, 0, "0x") and transfer.action in {"cancel", "bump"}:
        return ExpectedCancel(call.chain_id, payer)
    if transfer.action == "revoke" or (transfer.action == "bump" and to != payer):
        return _revoke(treasury, call, payer)
    if call.safe is not None and to == payer and transfer.action in {"reconfigure", "bump"}:
        return ExpectedExact(call.chain_id, payer, to, value, data)
    raise PlanError(
        "form",
        f"transfer {transfer.number}: expected a call that fits a {transfer.action}, found one to {to}",
        hint="Make a new plan.",
    )


def _revoke(treasury: Treasury, call: EthereumCall, payer: str) -> Expected:
    from vault.ethereum.contracts.erc20 import APPROVE
    from vault.ethereum.verify import ExpectedRevoke

    found = decoded(treasury, call)
    if found.asset is None or found.party is None or found.function != APPROVE:
        raise EthereumError("not_planned", f"expected an allowance taken back, found {found.title}")
    return ExpectedRevoke(call.chain_id, payer, found.asset, found.party)


def what_it_does(call: EthereumCall) -> tuple[str, int, str]:
    """Recipient, wei and calldata of what is done in the end: of a Safe its own call."""
    if call.safe is not None:
        return call.safe.to, call.safe.value, call.safe.data
    return call.to, call.value, call.data


def decoded(treasury: Treasury, call: EthereumCall) -> DecodedCall:
    """The call by our own tables. Raises `EthereumError` (``ethereum.unknown_call``, …)."""
    from vault.ethereum.decode import data_bytes, decode_call

    to, value, data = what_it_does(call)
    chain = f"eip155:{call.chain_id}"
    return decode_call(call.chain_id, to, value, data_bytes(data), directory(treasury, chain))


def directory(treasury: Treasury, network: str) -> Directory:
    """The contracts that are known beside tokens: our own Safes on a network."""
    from vault.ethereum.safe.table import SAFE_TABLE

    chain = chain_named(treasury, network).name
    own = (each for each in treasury.config.account if each.safe is not None and each.chain == chain)
    return {each.address: SAFE_TABLE for each in own}
