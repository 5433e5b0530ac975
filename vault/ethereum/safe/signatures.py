"""The owners' signatures of a Safe transaction: each recovered, each owner once, in the contract's order.

Refuses contract signatures, hashes approved on chain and eth_sign by name, signatures of others, and a
quorum of which nobody saw more than hashes: a hostile machine can show hashes of anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from vault.errors import EthereumError, SafeError
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.evm.call import SafeCall
from vault.evm.transaction import EthereumSignature, recover

Saw = Literal["data", "hashes", "unknown"]
"""data: all fields on the signer's screen; hashes: only hashes; unknown counts as hashes."""

SIGNATURE_BYTES: Final = 65
MAX_SIGNATURES: Final = 30
_RANK: Final = {"data": 0, "hashes": 1, "unknown": 2}
# What `v` says in Safe's encoding (Safe.sol, checkNSignatures), other than a plain EIP-712 signature.
_OTHER_KINDS: Final = {
    0: ("contract_signature", "a signature of a contract (v 0, EIP-1271)"),
    1: ("approved_hash", "a hash approved on chain (v 1)"),
    31: ("eth_sign", "an eth_sign signature (v 31)"),
    32: ("eth_sign", "an eth_sign signature (v 32)"),
}


@dataclass(frozen=True, slots=True)
class OwnerSignature:
    """`signature` is r, s, v over the safeTxHash with v 27 or 28; `saw` is what the signer could read."""

    owner: str
    signature: bytes
    saw: Saw = "unknown"


def read_signature(
    raw: bytes, safe_tx_hash: bytes, owners: Iterable[str] | None, saw: Saw = "unknown"
) -> OwnerSignature:
    """A signature with the owner that made it; with `owners` None whoever made it.

    Raises `SafeError` (``safe.contract_signature``, ``safe.approved_hash``, ``safe.eth_sign``,
    ``safe.bad_signature``, ``safe.foreign_signature``).
    """
    if len(raw) != SIGNATURE_BYTES:
        raise _bad(f"expected {SIGNATURE_BYTES} bytes r, s, v, found {len(raw)}")
    v = raw[64]
    if v in _OTHER_KINDS:
        code, what = _OTHER_KINDS[v]
        raise SafeError(
            code,
            f"expected an owner's signature of the typed data (v 27 or 28), found {what}",
            hint="Only signatures of the transaction's own data are taken: sign it as typed data (EIP-712).",
        )
    if v not in {27, 28}:
        raise _bad(f"expected v 27 or 28, found {v}")
    signature = EthereumSignature(
        v - 27, v, int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    )
    try:
        owner = recover(safe_tx_hash, signature)
    except EthereumError as error:
        raise _bad(error.message) from None
    if owners is not None and owner not in owners:
        raise SafeError(
            "foreign_signature",
            f"expected a signature of an owner over 0x{safe_tx_hash.hex()}, found one that leads to {owner}",
            hint="It is of another transaction, nonce, chain or Safe, or of somebody who is no owner.",
        )
    return OwnerSignature(owner, raw, saw)


def _bad(what: str) -> SafeError:
    return SafeError("bad_signature", f"owner's signature: {what}")


def collect(
    chain_id: int, call: SafeCall, signatures: Iterable[OwnerSignature]
) -> tuple[OwnerSignature, ...]:
    """The signatures proven, each owner once, sorted by address as the contract wants them.

    The same signature twice counts once, and for the better of what its signer saw. Raises `SafeError`
    (what `read_signature` does, ``safe.wrong_owner``, ``safe.duplicate_signature``).
    """
    digest = hashes(safe_tx(chain_id, call)).safe_tx
    found: dict[str, OwnerSignature] = {}
    for number, each in enumerate(signatures):
        if number >= 2 * MAX_SIGNATURES:
            raise _bad(f"expected at most {MAX_SIGNATURES}")
        proven = read_signature(each.signature, digest, call.owners, each.saw)
        if proven.owner != each.owner:
            raise SafeError(
                "wrong_owner", f"expected a signature of {each.owner[:80]}, found one of {proven.owner}"
            )
        known = found.setdefault(proven.owner, proven)
        if known.signature != proven.signature:
            raise SafeError(
                "duplicate_signature",
                f"expected one signature of each owner, found two of {proven.owner}",
                hint="Both hold, but only one is needed: leave one out.",
            )
        if _RANK[proven.saw] < _RANK[known.saw]:
            found[proven.owner] = replace(known, saw=proven.saw)
    return tuple(sorted(found.values(), key=_by_address))


def _by_address(each: OwnerSignature) -> int:
    return int(each.owner, 16)


def missing(call: SafeCall, signatures: tuple[OwnerSignature, ...]) -> int:
    """How many owners still have to sign; at least one while nobody of those who did saw the data."""
    short = max(0, call.threshold - len(signatures))
    return max(short, int(not any(each.saw == "data" for each in signatures)))


def require_quorum(
    chain_id: int, call: SafeCall, signatures: Iterable[OwnerSignature]
) -> tuple[OwnerSignature, ...]:
    """As many as the threshold, of whom one saw the data, sorted.

    Raises `SafeError` (``safe.not_enough_signatures``, ``safe.blind_quorum``; what `collect` does).
    """
    there = collect(chain_id, call, signatures)
    require_enough(call, there)
    if not any(each.saw == "data" for each in there):
        raise SafeError(
            "blind_quorum",
            f"expected a signer who saw the transaction's data among {len(there)}, found only signers who "
            "saw hashes",
            hint="Have an owner sign on a device that shows typed data in full; a hostile machine can show "
            "the hashes of another transaction to all others.",
        )
    chosen = sorted(there, key=lambda each: _RANK[each.saw])[: call.threshold]
    return tuple(sorted(chosen, key=_by_address))


def require_enough(call: SafeCall, signatures: tuple[OwnerSignature, ...]) -> None:
    """Raises `SafeError` (``safe.not_enough_signatures``)."""
    if len(signatures) < call.threshold:
        raise SafeError(
            "not_enough_signatures",
            f"expected signatures of {call.threshold} owners, found {len(signatures)}",
            hint="`vault show PLAN` says who has signed and who still may.",
        )


def packed(signatures: Iterable[OwnerSignature]) -> bytes:
    """The `signatures` argument of execTransaction."""
    return b"".join(each.signature for each in signatures)


def unpacked(raw: bytes, chain_id: int, call: SafeCall) -> tuple[OwnerSignature, ...]:
    """The signatures in an execTransaction: exactly the threshold of them, in the contract's order.

    Raises `SafeError` (``safe.unsorted_signatures``, ``safe.not_enough_signatures``, ``safe.surplus``; what
    `read_signature` does).
    """
    if len(raw) % SIGNATURE_BYTES:
        raise _bad(f"expected a multiple of {SIGNATURE_BYTES} bytes, found {len(raw)}")
    digest = hashes(safe_tx(chain_id, call)).safe_tx
    found = tuple(
        read_signature(raw[at : at + SIGNATURE_BYTES], digest, call.owners)
        for at in range(0, len(raw), SIGNATURE_BYTES)
    )
    require_enough(call, found)
    if len(found) > call.threshold:
        raise SafeError("surplus", f"expected {call.threshold} signatures, found {len(found)}")
    order = [_by_address(each) for each in found]
    if order != sorted(set(order)):
        raise SafeError(
            "unsorted_signatures", "expected the owners' signatures by rising address, each owner once"
        )
    return found
