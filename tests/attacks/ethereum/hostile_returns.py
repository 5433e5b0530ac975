"""After the device: bytes that came back and are not the signed transaction that was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.ethereum_calls import (
    GWEI,
    ONE_ETHER,
    OWNER,
    RECIPIENT,
    SAFE,
    THIEF,
    USDC_1500,
    address_of,
    call_of,
    planned,
    safe_call_of,
    sign,
)
from tests.support.hostile import Collection
from vault.ethereum.contracts import erc20
from vault.ethereum.verify import to_transaction, verify_signed
from vault.evm import rlp
from vault.evm.transaction import (
    ORDER,
    AccessEntry,
    EthereumSignature,
    LegacyTransaction,
    serialise,
)

hostile_return = Collection()
ROBBER = address_of(THIEF)
CALL = call_of(planned(USDC_1500)[0])
ASKED = to_transaction(CALL)
GENUINE = sign(ASKED)


def returned(name: str, code: str, raw: bytes) -> None:
    hostile_return.add(name, code, lambda: verify_signed(raw, CALL))


def altered(name: str, **changes: Any) -> None:
    """Another transaction, validly signed by our own key."""
    tx = replace(ASKED, **changes)
    returned(f"altered: {name}", "altered_transaction", serialise(tx, sign(tx)))


def signature(name: str, code: str, **changes: Any) -> None:
    returned(name, code, serialise(ASKED, replace(GENUINE, **changes)))


def spelled(name: str, code: str, change: Any) -> None:
    """The fields, written down otherwise."""
    items: Any = rlp.decode(serialise(ASKED, GENUINE)[1:])
    change(items)
    returned(name, code, b"\x02" + rlp.encode(items))


altered("nonce", nonce=8)
altered("fee", max_fee=31 * GWEI)
altered("tip", max_priority_fee=30 * GWEI)
altered("gas limit", gas_limit=10**6)
altered("destination", to=ROBBER)
altered("value", value=1)
altered("recipient in the data", data=erc20.TRANSFER.encode(ROBBER, USDC_1500.units))
altered("amount in the data", data=erc20.TRANSFER.encode(RECIPIENT, USDC_1500.units + 1))
altered("data appended", data=ASKED.data + bytes(32))
altered("chain", chain_id=42161)
altered("access list", access_list=(AccessEntry(ROBBER, (bytes(32),)),))

other = to_transaction(call_of(planned(ONE_ETHER)[0]))
returned("the signature of another transaction of ours", "wrong_signer", serialise(ASKED, sign(other)))
returned("the signature of another key", "wrong_signer", serialise(ASKED, sign(ASKED, THIEF)))
returned("another transaction of ours, whole", "altered_transaction", serialise(other, sign(other)))
signature("the other parity", "wrong_signer", parity=1 - GENUINE.parity, v=1 - GENUINE.v)
signature("a high s", "bad_signature", s=ORDER - GENUINE.s, parity=1 - GENUINE.parity)
signature("r of zero", "bad_signature", r=0)
signature("s of zero", "bad_signature", s=0)
signature("r beyond the curve's order", "bad_signature", r=ORDER)

legacy = LegacyTransaction(1, CALL.nonce, CALL.max_fee, CALL.gas_limit, CALL.to, CALL.value, ASKED.data)
returned("the same as a legacy transaction", "altered_transaction", serialise(legacy, sign(legacy)))
unbound = sign(legacy)
returned(
    "a legacy transaction for every chain", "bad_transaction",
    serialise(legacy, EthereumSignature(unbound.parity, 27 + unbound.parity, unbound.r, unbound.s)),
)  # fmt: skip
good = serialise(ASKED, GENUINE)
returned("an access list transaction (type 1)", "bad_transaction", b"\x01" + good[1:])
returned("a transaction that hands over the account (type 4)", "bad_transaction", b"\x04" + good[1:])
returned("bytes that follow", "bad_rlp", good + b"\0")
returned("bytes that are missing", "bad_rlp", good[:-1])
returned("nothing", "bad_transaction", b"")
spelled("the creation of a contract", "bad_transaction", lambda items: items.__setitem__(5, b""))
spelled("a nonce with a leading zero", "bad_transaction", lambda items: items.__setitem__(1, b"\0\x07"))
spelled("a parity of two", "bad_signature", lambda items: items.__setitem__(9, b"\x02"))
spelled("no signature", "bad_transaction", lambda items: items.__delitem__(slice(9, None)))
spelled("a field too many", "bad_transaction", lambda items: items.append(b""))


@hostile_return("a Safe's transaction with other signatures in it", "altered_transaction")
def _() -> object:
    call = safe_call_of(planned(USDC_1500, payer=SAFE)[0])
    tx = to_transaction(call, b"\x6a\x76\x12\x02" + b"\x11" * 65)
    return verify_signed(serialise(tx, sign(tx, OWNER)), call, b"\x6a\x76\x12\x02" + b"\x22" * 65)
