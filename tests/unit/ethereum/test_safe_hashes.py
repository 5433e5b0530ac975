"""What owners sign hashes as the contract hashes it, and only what may be signed has a hash at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ethereum_safes import OWNERS, SAFE, STRANGER, ChainView, live_safe, safe_call, safe_chain
from vault.errors import EthereumError, SafeError, VaultError
from vault.ethereum.safe.transaction import (
    MAX_DATA,
    SENTINEL,
    SafeTx,
    from_typed,
    hashes,
    require_hash,
    safe_tx,
    typed_data,
)
from vault.ethereum.safe.versions import DELEGATES, SINGLETONS, known_name, require_singleton
from vault.evm.abi import function
from vault.evm.address import ZERO_ADDRESS, address_bytes, checksum_address
from vault.evm.typed import TypedData

GET_HASH = function(
    "getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 "
    "baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) returns (bytes32)"
)
DOMAIN_SEPARATOR = function("domainSeparator() returns (bytes32)")


def test_a_published_transaction_has_its_published_hashes() -> None:
    """Arbitrum, Safe 0x111C…2177, nonce 234: README of pcaversaccio/safe-tx-hashes-util."""
    safe = "0x111CEEee040739fD91D29C34C33E6B3E112F2177"
    data = bytes.fromhex(
        "0d582f13" + "0c75fa5a5f1c0997e3eea425cfa13184ed0ec9e5".rjust(64, "0") + "03".rjust(64, "0")
    )
    found = hashes(SafeTx(42161, safe, safe, 0, data, 234))
    assert [text.upper() for _, text in found.texts] == [
        "0X1CF7F9B1EFE3BC47FE02FD27C649FEA19E79D66040683A1C86C7490C80BF7291",
        "0XD9109EA63C50ECD3B80B6B27ED5C5A9FD3D546C2169DFB69BFA7BA24CD14C7A5",
        "0X0CB7250B8BECD7069223C54E2839FEAED4CEE156363FBFE5DD0A48E75C4E25B3",
    ]


@pytest.fixture(scope="module", params=[1, 42161])
def view(request: pytest.FixtureRequest) -> tuple[ChainView, str]:
    safe = live_safe(safe_chain(request.param))
    return safe.view, safe.address


addresses = (
    st.binary(min_size=20, max_size=20)
    .map(checksum_address)
    .filter(lambda each: each not in {ZERO_ADDRESS, SENTINEL, *DELEGATES})
)


@settings(max_examples=25, deadline=None)
@given(
    to=addresses, value=st.integers(0, 2**128 - 1), data=st.binary(max_size=300), nonce=st.integers(0, 2**53)
)
def test_the_hash_is_the_contracts_own(
    view: tuple[ChainView, str], to: str, value: int, data: bytes, nonce: int
) -> None:
    chain, safe = view
    found = hashes(SafeTx(chain.chain_id, safe, to, value, data, nonce))
    asked = GET_HASH.encode(to, value, data, 0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, nonce)
    assert GET_HASH.result(chain.call(safe, asked)) == (found.safe_tx,)
    assert DOMAIN_SEPARATOR.result(chain.call(safe, DOMAIN_SEPARATOR.encode())) == (found.domain,)


@pytest.mark.parametrize(
    "change", [{"nonce": 4}, {"address": STRANGER}, {"to": STRANGER}, {"value": 1}, {"data": "0x"}]
)
def test_every_field_changes_the_hash(change: dict[str, Any]) -> None:
    before, after = (hashes(safe_tx(1, call)).safe_tx for call in (safe_call(), safe_call(**change)))
    assert before != after
    assert before != hashes(safe_tx(2, safe_call())).safe_tx


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": ZERO_ADDRESS}, "safe.bad_form"),
        ({"to": SENTINEL}, "safe.bad_form"),
        ({"to": OWNERS[0].lower()}, "safe.bad_form"),
        ({"address": SAFE.lower()}, "safe.bad_form"),
        ({"value": -1}, "safe.bad_form"),
        ({"value": 2**128}, "safe.bad_form"),
        ({"nonce": -1}, "safe.bad_form"),
        ({"nonce": 2**53 + 1}, "safe.bad_form"),
        ({"data": "0xABCD"}, "safe.bad_form"),
        ({"data": "0xabc"}, "safe.bad_form"),
        ({"data": "abcd"}, "safe.bad_form"),
        ({"data": "0x" + "00" * (MAX_DATA + 1)}, "safe.bad_form"),
        ({"owners": (OWNERS[0], OWNERS[0], OWNERS[1])}, "safe.bad_form"),
        ({"owners": (OWNERS[0], SAFE)}, "safe.bad_form"),
        ({"owners": (OWNERS[0], SENTINEL)}, "safe.bad_form"),
        ({"threshold": 0}, "safe.bad_form"),
        ({"threshold": 4}, "safe.bad_form"),
        *(({"to": each}, "ethereum.unknown_call") for each in DELEGATES),
    ],
)
def test_refuses_what_is_no_safe_transaction(change: dict[str, Any], code: str) -> None:
    with pytest.raises(VaultError) as refused:
        safe_tx(1, safe_call(**change))
    assert refused.value.code == code


def test_typed_data_read_back_to_the_same_transaction() -> None:
    tx = safe_tx(1, safe_call())
    assert from_typed(typed_data(tx)) == tx


def _altered(**values: Any) -> TypedData:
    data = typed_data(safe_tx(1, safe_call()))
    names = [member.name for member in data.struct("SafeTx").members]
    return replace(
        data, message=tuple(values.get(name, old) for name, old in zip(names, data.message, strict=True))
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": 1}, "safe.delegatecall"),
        ({"operation": 2}, "safe.delegatecall"),
        ({"safeTxGas": 1}, "safe.refund"),
        ({"baseGas": 21_000}, "safe.refund"),
        ({"gasPrice": 1}, "safe.refund"),
        ({"gasToken": address_bytes(STRANGER)}, "safe.refund"),
        ({"refundReceiver": address_bytes(STRANGER)}, "safe.refund"),
    ],
)
def test_refuses_typed_data_that_do_more_than_a_call(change: dict[str, Any], code: str) -> None:
    with pytest.raises(SafeError) as refused:
        from_typed(_altered(**change))
    assert (refused.value.code, refused.value.exit_status) == (code, 36)


def test_refuses_typed_data_of_older_safes() -> None:
    data = typed_data(safe_tx(1, safe_call()))
    domain, message = data.structs
    old = replace(
        data, structs=(replace(domain, members=domain.members[1:]), message), domain=data.domain[1:]
    )
    with pytest.raises(SafeError) as refused:
        from_typed(old)
    assert refused.value.code == "safe.not_safe_tx"


def test_a_hash_beside_other_fields_is_refused() -> None:
    tx = safe_tx(1, safe_call())
    require_hash(tx, f"0x{hashes(tx).safe_tx.hex()}", "file")
    with pytest.raises(SafeError) as refused:
        require_hash(replace(tx, nonce=4), f"0x{hashes(tx).safe_tx.hex()}", "file")
    assert refused.value.code == "safe.wrong_hash"


def test_versions_are_known_by_address_and_no_other_is() -> None:
    for each in SINGLETONS:
        assert require_singleton(each.version, each.address) == each
        assert known_name(each.address).startswith(f"Safe {each.version}")
    for version, address, code in (
        ("1.1.1", SINGLETONS[0].address, "safe.unknown_version"),
        ("1.5.0", SINGLETONS[0].address, "safe.unknown_version"),
        ("1.4.1", SINGLETONS[0].address, "safe.implementation_changed"),
        ("1.4.1", STRANGER, "safe.implementation_changed"),
    ):
        with pytest.raises(SafeError) as refused:
            require_singleton(version, address)
        assert refused.value.code == code


def test_known_addresses_are_written_with_their_checksum() -> None:
    from vault.ethereum.safe import versions

    known = [each.address for each in SINGLETONS]
    known += [*versions.FALLBACK_HANDLERS, *versions.FACTORIES, *versions.DELEGATES]
    assert len(set(known)) == len(known)
    for each in known:
        address_bytes(each)
        assert known_name(each)
    assert not known_name(STRANGER)


def test_code_hashes_are_those_of_the_published_contracts() -> None:
    """Of 1.4.1, whose artefacts are here; those of 1.3.0 are from Safe's deployment list alone."""
    from tests.support.ethereum_safes import runtime
    from vault.ethereum.safe.versions import FALLBACK_HANDLERS, PROXY_CODE_HASHES, singleton_at
    from vault.evm.hashing import keccak

    def code_hash(name: str) -> str:
        return f"0x{keccak(runtime(name)).hex()}"

    for name, address in (
        ("Safe", "0x41675C099F32341bf84BFc5382aF534df5C7461a"),
        ("SafeL2", "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"),
    ):
        known = singleton_at(address)
        assert known is not None
        assert known.code_hash == code_hash(name)
    assert PROXY_CODE_HASHES["1.4.1"] == code_hash("SafeProxy")
    assert FALLBACK_HANDLERS["0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99"] == code_hash(
        "CompatibilityFallbackHandler"
    )


def test_an_unknown_chain_id_has_no_transaction() -> None:
    with pytest.raises(EthereumError) as refused:
        safe_tx(0, safe_call())
    assert refused.value.code == "safe.bad_form"
