"""The attack on Bybit's Safe (February 2025), replayed on the real contracts: refused at every door.

Signers approved, on screens that showed only hashes, a call whose operation had become DELEGATECALL; it put
the attacker's code into the Safe's slot 0, and that code paid everything out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.chains.ethereum.deploy import USDC, deploy_contract, token_balance
from tests.support.ethereum_safes import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OWNERS,
    PAYS,
    RECIPIENT,
    STRANGER,
    LiveSafe,
    live_safe,
    raw_signature,
    safe_call,
    safe_chain,
    signed_by,
)
from vault.errors import SafeError, VaultError
from vault.ethereum.contracts.erc20 import TRANSFER
from vault.ethereum.safe.document import own_text, read_document, service_text, typed_text
from vault.ethereum.safe.execute import EXEC, exec_data, read_exec, require_exec
from vault.ethereum.safe.inner import read_inner
from vault.ethereum.safe.signatures import OwnerSignature, packed, require_quorum
from vault.ethereum.safe.state import require_as_planned
from vault.ethereum.safe.transaction import SAFE_TX, from_typed, hashes, safe_tx, typed_data
from vault.evm.abi import function
from vault.evm.address import ZERO_ADDRESS
from vault.evm.call import SafeCall
from vault.evm.typed import TypedData

SWEEP = function("sweepERC20(address token, address to)")


@pytest.fixture(scope="module")
def attacked() -> tuple[LiveSafe, str, SafeCall]:
    """A Safe whose owners were made to sign the delegatecall, blind: the attack itself, as it went."""
    safe = live_safe(safe_chain())
    before = safe.plan()
    takeover, drainer = (deploy_contract(safe.chain, name) for name in ("SafeTakeover", "SafeDrainer"))
    data = TRANSFER.encode(drainer, 0)
    flipped = _delegatecall(safe, takeover, data)
    digest = flipped.digest()
    signatures = sorted((OwnerSignature(each.owner, each.signature) for each in _blind(digest)), key=_rank)
    assert safe.succeeded(safe.send(_exec(takeover, data, packed(signatures))))
    return safe, drainer, before


def _rank(each: OwnerSignature) -> int:
    return int(each.owner, 16)


def _blind(digest: bytes) -> list[OwnerSignature]:
    return [
        OwnerSignature(owner, raw_signature(key, digest))
        for owner, key in zip(OWNERS[:2], (ALICE, BOB), strict=True)
    ]


def _exec(to: str, data: bytes, signatures: bytes, operation: int = 1) -> bytes:
    return EXEC.encode(to, 0, data, operation, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, signatures)


def _delegatecall(safe: LiveSafe, to: str, data: bytes) -> TypedData:
    """What the attacker had the owners sign."""
    tx = typed_data(safe_tx(1, safe.plan(to, data=data)))
    names = [member.name for member in tx.struct(SAFE_TX).members]
    message = tuple(
        1 if name == "operation" else value for name, value in zip(names, tx.message, strict=True)
    )
    return replace(tx, message=message)


def _refused(check: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as refused:
        check(*arguments)
    return refused.value.code


def test_the_attack_works_on_a_safe_that_is_not_watched(attacked: tuple[LiveSafe, str, SafeCall]) -> None:
    """The emulated contracts are real enough to be robbed."""
    safe = live_safe(safe_chain())
    takeover, drainer = (deploy_contract(safe.chain, name) for name in ("SafeTakeover", "SafeDrainer"))
    data = TRANSFER.encode(drainer, 0)
    digest = _delegatecall(safe, takeover, data).digest()
    safe.send(_exec(takeover, data, packed(sorted(_blind(digest), key=_rank))))
    held = token_balance(safe.chain, USDC, safe.address)
    assert held
    assert safe.succeeded(safe.send(SWEEP.encode(USDC, STRANGER)))
    assert token_balance(safe.chain, USDC, STRANGER) == held


def test_a_swapped_implementation_is_refused_when_a_plan_is_made(
    attacked: tuple[LiveSafe, str, SafeCall],
) -> None:
    safe, drainer, _ = attacked
    with pytest.raises(SafeError, match=drainer) as refused:
        safe.plan()
    assert (refused.value.code, refused.value.exit_status) == ("safe.implementation_changed", 36)


def test_a_swapped_implementation_is_refused_when_it_is_signed(
    attacked: tuple[LiveSafe, str, SafeCall],
) -> None:
    """The plan was made before; the Safe is read again, and its own word is not asked."""
    safe, _, before = attacked
    assert _refused(lambda: require_as_planned(safe.state(), before)) == "safe.implementation_changed"


def test_a_swapped_implementation_is_refused_when_a_plan_names_it(
    attacked: tuple[LiveSafe, str, SafeCall],
) -> None:
    _, drainer, before = attacked
    named = replace(before, implementation=drainer)
    document = read_document(own_text(1, named, ()))
    assert document.call is not None
    from vault.ethereum.safe.versions import require_singleton

    assert _refused(require_singleton, named.version, named.implementation) == "safe.implementation_changed"


@pytest.mark.parametrize("form", ["service", "typed"])
def test_a_flipped_operation_is_refused_in_every_file_before_any_hash_is_shown(form: str) -> None:
    tx = safe_tx(1, safe_call())
    if form == "service":
        document = json.loads(service_text(tx, signed_by(safe_call(), ALICE)))
        document["operation"] = 1
    else:
        document = json.loads(typed_text(tx))
        document["message"]["operation"] = 1
    assert _refused(read_document, json.dumps(document)) == "safe.delegatecall"


def test_a_flipped_operation_with_its_own_right_hash_is_refused_all_the_same() -> None:
    """The attacker's file was consistent: its hash was the hash of its fields."""
    tx = safe_tx(1, safe_call())
    flipped = replace(
        typed_data(tx),
        message=tuple(1 if place == 3 else value for place, value in enumerate(typed_data(tx).message)),
    )
    document = json.loads(service_text(tx, ()))
    digest = f"0x{flipped.digest().hex()}"
    document |= {"operation": 1, "safeTxHash": digest, "contractTransactionHash": digest}
    assert _refused(read_document, json.dumps(document)) == "safe.delegatecall"
    assert _refused(from_typed, flipped) == "safe.delegatecall"


def test_owners_signatures_of_the_delegatecall_do_not_pass_for_those_of_the_call() -> None:
    call = safe_call()
    data = typed_data(safe_tx(1, call))
    flipped = replace(
        data, message=tuple(1 if place == 3 else value for place, value in enumerate(data.message))
    )
    blind = [OwnerSignature(each.owner, each.signature, "data") for each in _blind(flipped.digest())]
    assert _refused(require_quorum, 1, call, blind) == "safe.foreign_signature"


def test_the_outer_transaction_of_the_attack_is_refused_when_read(
    attacked: tuple[LiveSafe, str, SafeCall],
) -> None:
    _, drainer, before = attacked
    outer = _exec(STRANGER, TRANSFER.encode(drainer, 0), bytes(130))
    assert _refused(read_exec, outer) == "safe.delegatecall"
    assert _refused(require_exec, outer, 1, before) == "safe.delegatecall"


def test_the_attackers_call_is_unknown_even_as_a_plain_call(
    attacked: tuple[LiveSafe, str, SafeCall],
) -> None:
    """A function named transfer at an address that is no token."""
    _, drainer, _ = attacked
    tx = safe_tx(1, safe_call(to=STRANGER, data=f"0x{TRANSFER.encode(drainer, 0).hex()}"))
    assert _refused(read_inner, tx) in {"ethereum.unknown_token", "ethereum.unknown_call"}


def test_hashes_alone_convince_nobody_however_many_signers_saw_them() -> None:
    call = safe_call()
    for saw in ("hashes", "unknown"):
        signatures = signed_by(call, ALICE, BOB, CAROL, saw=saw)  # type: ignore[arg-type]
        assert _refused(exec_data, 1, call, signatures) == "safe.blind_quorum"


@pytest.mark.parametrize(
    ("signatures", "code"),
    [
        (signed_by(safe_call(nonce=2), ALICE, BOB), "safe.foreign_signature"),
        (signed_by(safe_call(address=RECIPIENT), ALICE, BOB), "safe.foreign_signature"),
        (signed_by(safe_call(), ALICE, BOB, chain_id=42161), "safe.foreign_signature"),
        (signed_by(safe_call(), ALICE, MALLORY), "safe.foreign_signature"),
        ([*signed_by(safe_call(), ALICE), *signed_by(safe_call(), ALICE)], "safe.not_enough_signatures"),
    ],
)
def test_old_foreign_and_doubled_signatures_make_no_quorum(
    signatures: list[OwnerSignature], code: str
) -> None:
    assert _refused(require_quorum, 1, safe_call(), signatures) == code


def test_signatures_of_an_owner_who_was_removed_meanwhile_are_refused_by_us_and_by_the_chain() -> None:
    from vault.ethereum.safe.changes import remove_owner

    safe = live_safe(safe_chain())
    gone = safe.state().owners[0]
    key = dict(zip(OWNERS, (ALICE, BOB, CAROL), strict=True))[gone]
    others = [each for each in (ALICE, BOB, CAROL) if each is not key]
    change = remove_owner(safe.state(), gone, 2)
    call = safe.plan(safe.address, data=change.data)
    assert safe.succeeded(safe.send(exec_data(1, call, signed_by(call, *others))))
    call = safe.plan(USDC, data=PAYS)
    signatures = signed_by(call, key, others[0])
    assert _refused(require_quorum, 1, call, signatures) == "safe.foreign_signature"
    raw = packed(sorted(signatures, key=_rank))
    assert not safe.succeeded(safe.send(_exec(USDC, PAYS, raw, operation=0)))
    stale = replace(call, owners=OWNERS)
    assert _refused(require_as_planned, safe.state(), stale) == "safe.owners_changed"


def test_the_hash_of_the_attack_is_never_the_hash_of_the_plan() -> None:
    tx = safe_tx(1, safe_call())
    data = typed_data(tx)
    flipped = replace(
        data, message=tuple(1 if place == 3 else value for place, value in enumerate(data.message))
    )
    assert flipped.digest() != hashes(tx).safe_tx
    assert flipped.domain_hash() == hashes(tx).domain  # the domain hash alone tells nothing
