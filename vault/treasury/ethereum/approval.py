"""What an approver reads of a transaction on Ethereum: who pays whom what on which chain, at what cost.

Everything stands in full, of a Safe its hash too, as its owners' devices show it. Refuses a call that our own
tables cannot read: nobody approves what cannot be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.money import ETH, Amount

if TYPE_CHECKING:
    from vault.ethereum.decode import DecodedCall
    from vault.evm.call import EthereumCall
    from vault.treasury.plan import Transfer


def call_fields(transfer: Transfer, call: EthereumCall) -> list[tuple[str, str]]:
    """Labels and values of an approval, in the order in which a device shows them. Raises `EthereumError`."""
    number, verb = transfer.number, transfer.action.replace("_", "-")
    found = _decoded(call)
    fields = []
    if transfer.payments:
        fields.append((f"{number}", f"{verb} {transfer.amount} from {transfer.source}"))
        fields.append((f"{number} to", transfer.payment.address))
        if transfer.amount.asset != ETH:
            fields.append((f"{number} token", found.to))
    else:
        fields.append((f"{number}", f"{verb} of {transfer.source}"))
        fields += _call(number, found)
    fields.append((f"{number} chain", transfer.network))
    if call.safe is not None:
        fields.append((f"{number} safe", f"{call.safe.address} nonce {call.safe.nonce}"))
        fields.append((f"{number} safe hash", _safe_hash(call)))
    fields.append((f"{number} sender", f"{call.sender} nonce {call.nonce}"))
    if transfer.replaces:
        fields.append((f"{number} replaces", transfer.replaces))
    return [*fields, (f"{number} max gas", str(Amount(ETH, call.max_gas_cost)))]


def _call(number: int, found: DecodedCall) -> list[tuple[str, str]]:
    """A call that pays nobody: its contract, its function and each argument."""
    if found.function is None:
        return [(f"{number} to", found.to), (f"{number} sends", f"{found.value} wei and no data")]
    fields = [(f"{number} on", found.to), (f"{number} calls", found.function.signature)]
    fields += [
        (f"{number} with {place}", f"{each.name}: {each.text}")
        for place, each in enumerate(found.arguments, start=1)
    ]
    return fields


def _decoded(call: EthereumCall) -> DecodedCall:
    from vault.ethereum.decode import data_bytes, decode_call
    from vault.ethereum.safe.table import SAFE_TABLE
    from vault.treasury.ethereum.expected import what_it_does

    to, value, data = what_it_does(call)
    own = {} if call.safe is None else {call.safe.address: SAFE_TABLE}
    return decode_call(call.chain_id, to, value, data_bytes(data), own)


def _safe_hash(call: EthereumCall) -> str:
    from vault.ethereum.safe.transaction import hashes, safe_tx

    if call.safe is None:
        return ""
    return "0x" + hashes(safe_tx(call.chain_id, call.safe)).safe_tx.hex()
