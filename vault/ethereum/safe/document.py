"""A Safe transaction with its signatures as a file: our own form, Safe's service's, and EIP-712's.

Refuses surplus and missing members, hashes that are not of the fields beside them, addresses without their
checksum, and files of two different transactions; of what came in a file nobody is known to have seen data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from vault.canonical import canonical_json, read_json
from vault.codec import decode, encode
from vault.errors import AddressError, DocumentError, SafeError, VaultError
from vault.ethereum.chains import CHAINS
from vault.ethereum.safe.signatures import MAX_SIGNATURES, OwnerSignature, collect, read_signature
from vault.ethereum.safe.transaction import (
    ADDRESSES_OF_REFUND,
    NUMBERS_OF_REFUND,
    SafeTx,
    from_typed,
    hashes,
    require_form,
    require_hash,
    require_plain,
    safe_tx,
    typed_data,
)
from vault.evm.address import ZERO_ADDRESS, address_bytes
from vault.evm.call import SafeCall
from vault.evm.typed import DOMAIN, TypedData, shown

FORMAT: Final = "vault-safe-1"
MAX_TEXT: Final = 512 * 1024
Form = Literal["vault", "service", "typed"]

_OWN: Final = frozenset({"format", "chain_id", "call", "safe_tx_hash", "signatures"})
_FIELDS: Final = frozenset(
    {
        *("safe", "to", "value", "data", "operation", "nonce"),
        *NUMBERS_OF_REFUND,
        *ADDRESSES_OF_REFUND,
    }
)
_HASHES: Final = ("safeTxHash", "contractTransactionHash")
# Members of the service that are about the transaction, not of it: they are neither used nor believed.
_ABOUT: Final = frozenset(
    {
        *("blockNumber", "confirmationsRequired", "dataDecoded", "ethGasPrice", "executionDate", "executor"),
        *("fee", "gasUsed", "isExecuted", "isSuccessful", "maxFeePerGas", "maxPriorityFeePerGas"),
        *("modified", "origin", "proposedByDelegate", "proposer", "sender", "signatures"),
        *("submissionDate", "transactionHash", "trusted"),
    }
)
_CONFIRMATION: Final = frozenset({"owner", "signature"})
_ABOUT_CONFIRMATION: Final = frozenset({"signatureType", "submissionDate", "transactionHash"})
_TYPES: Final = {
    "CONTRACT_SIGNATURE": "contract_signature",
    "APPROVED_HASH": "approved_hash",
    "ETH_SIGN": "eth_sign",
}
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_HASH: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SafeDocument:
    """What a file says. `call` is there in our own form only: who may sign, by which version."""

    form: Form
    tx: SafeTx
    signatures: tuple[OwnerSignature, ...] = ()
    call: SafeCall | None = None


def read_document(text: str, what: str = "document", chain_id: int | None = None) -> SafeDocument:
    """Read a file of any of the three forms, told apart by their members.

    A file of the service does not name its chain: it is the one whose hash it carries. Raises `SafeError`
    (``safe.bad_document``, ``safe.wrong_hash``, ``safe.wrong_chain``, ``safe.delegatecall``, ``safe.refund``
    and what signatures are refused for), `EthereumError`, `DocumentError`.
    """
    if len(text) > MAX_TEXT:
        raise _bad(what, f"expected at most {MAX_TEXT} characters, found {len(text)}")
    document = read_json(text, what=what)
    if not isinstance(document, dict):
        raise _bad(what, "expected one object")
    return read_mapping(document, what, chain_id)


def read_mapping(document: dict[str, Any], what: str, chain_id: int | None = None) -> SafeDocument:
    """The same of JSON that was read strictly."""
    if document.get("format") == FORMAT:
        found = _own(document, what)
    elif "primaryType" in document:
        found = SafeDocument("typed", from_typed(TypedData.parse(_numbers(document))))
    elif "safe" in document:
        return _service(document, what, chain_id)
    else:
        raise _bad(what, f"expected {FORMAT}, Safe's service format, or typed data (EIP-712)")
    if chain_id not in {None, found.tx.chain_id}:
        raise SafeError("wrong_chain", f"{what}: expected chain {chain_id}, found {found.tx.chain_id}")
    return found


def _own(document: dict[str, Any], what: str) -> SafeDocument:
    _require_members(document, _OWN, frozenset(), what)
    chain_id = document["chain_id"]
    if type(chain_id) is not int:
        raise _bad(what, "expected chain_id as a number")
    try:
        call = decode(document["call"], SafeCall, what=what)
    except VaultError as error:
        raise _bad(what, error.message) from None
    tx = safe_tx(chain_id, call)
    require_hash(tx, _hash(document["safe_tx_hash"], what), what)
    signatures = _rows(document["signatures"], tx, _CONFIRMATION, frozenset(), what)
    return SafeDocument("vault", tx, collect(chain_id, call, signatures), call)


def _service(document: dict[str, Any], what: str, chain_id: int | None) -> SafeDocument:
    claimed = {name: document[name] for name in (*_HASHES, "confirmations", "signature") if name in document}
    _require_members(document, _FIELDS, _ABOUT | set(claimed), what)
    fields: dict[str, Any] = {
        name: _number(document[name], f"{what}: {name}")
        for name in ("value", "operation", "nonce", *NUMBERS_OF_REFUND)
    }
    for name in ADDRESSES_OF_REFUND:
        fields[name] = ZERO_ADDRESS if document[name] is None else _address(document[name], f"{what}: {name}")
    require_plain(fields)
    said = {_hash(claimed[name], what) for name in _HASHES if name in claimed}
    if len(said) != 1:
        raise _bad(what, f"expected one hash, as {' or '.join(_HASHES)}, found {len(said)}")
    tx = SafeTx(
        0,
        _address(document["safe"], f"{what}: safe"),
        _address(document["to"], f"{what}: to"),
        fields["value"],
        _data(document["data"], what),
        fields["nonce"],
    )
    tx = _on_its_chain(tx, said.pop(), what, chain_id)
    given = claimed.get("confirmations")
    rows = _rows([] if given is None else given, tx, _CONFIRMATION, _ABOUT_CONFIRMATION, what)
    if claimed.get("signature"):
        row = {"owner": document.get("sender"), "signature": claimed["signature"]}
        rows = (*rows, *_rows([row], tx, _CONFIRMATION, frozenset(), what))
    return SafeDocument("service", tx, _once(rows))


def _on_its_chain(tx: SafeTx, claimed: str, what: str, chain_id: int | None) -> SafeTx:
    candidates = tuple(CHAINS) if chain_id is None else tuple({chain_id: None, **dict.fromkeys(CHAINS)})
    for each in candidates:
        found = replace(tx, chain_id=each)
        require_form(found)
        if f"0x{hashes(found).safe_tx.hex()}" == claimed:
            if chain_id not in {None, each}:
                raise SafeError("wrong_chain", f"{what}: expected chain {chain_id}, found {each} by its hash")
            return found
    if chain_id is not None:
        require_hash(replace(tx, chain_id=chain_id), claimed, what)
    raise SafeError(
        "wrong_hash",
        f"{what}: expected a hash of its own fields on one of the chains {', '.join(map(str, candidates))}, "
        f"found {claimed}",
        hint="The fields and the hash are of two transactions: sign neither.",
    )


def _rows(
    rows: object, tx: SafeTx, needed: frozenset[str], about: frozenset[str], what: str
) -> tuple[OwnerSignature, ...]:
    if not isinstance(rows, list) or len(rows) > MAX_SIGNATURES:
        raise _bad(what, f"expected a list of at most {MAX_SIGNATURES} signatures")
    digest = hashes(tx).safe_tx
    found = []
    for row in rows:
        if not isinstance(row, dict):
            raise _bad(what, "expected signatures as objects")
        _require_members(row, needed, about, what)
        if (kind := row.get("signatureType", "EOA")) != "EOA":
            raise SafeError(
                _TYPES.get(str(kind), "bad_signature"),
                f"{what}: expected signatures of type EOA, found {str(kind)[:40]}",
            )
        owner = _address(row["owner"], f"{what}: owner")
        proven = read_signature(_data(row["signature"], what), digest, None)
        if proven.owner != owner:
            raise SafeError(
                "wrong_owner",
                f"{what}: expected a signature of {owner} over 0x{digest.hex()}, found one that leads to "
                f"{proven.owner}",
            )
        found.append(proven)
    return _once(found)


def _once(signatures: Iterable[OwnerSignature]) -> tuple[OwnerSignature, ...]:
    found: dict[str, OwnerSignature] = {}
    for each in signatures:
        if found.setdefault(each.owner, each).signature != each.signature:
            raise SafeError("conflict", f"expected one signature of each owner, found two of {each.owner}")
    return tuple(sorted(found.values(), key=lambda each: int(each.owner, 16)))


def combine(documents: Sequence[SafeDocument]) -> SafeDocument:
    """The signatures of several files of one transaction together. Raises `SafeError` (``safe.conflict``)."""
    if not documents:
        raise SafeError("conflict", "expected at least one file")
    first = documents[0]
    calls = {each.call for each in documents if each.call is not None}
    for each in documents[1:]:
        if each.tx != first.tx:
            raise SafeError(
                "conflict",
                f"expected files of one transaction, found 0x{hashes(first.tx).safe_tx.hex()} and "
                f"0x{hashes(each.tx).safe_tx.hex()}",
            )
    if len(calls) > 1:
        raise SafeError("conflict", "expected files that name the same owners, found two sets")
    signatures = _once(each for document in documents for each in document.signatures)
    return SafeDocument(first.form, first.tx, signatures, calls.pop() if calls else None)


def own_text(chain_id: int, call: SafeCall, signatures: Iterable[OwnerSignature]) -> str:
    """Our own form: everything that another machine needs to check it."""
    document = {
        "format": FORMAT,
        "chain_id": chain_id,
        "call": encode(call),
        "safe_tx_hash": f"0x{hashes(safe_tx(chain_id, call)).safe_tx.hex()}",
        "signatures": [
            {"owner": each.owner, "signature": f"0x{each.signature.hex()}"} for each in signatures
        ],
    }
    return canonical_json(document)


def service_text(tx: SafeTx, signatures: Iterable[OwnerSignature]) -> str:
    """Safe's transaction service's form of a transaction that is proposed and not executed."""
    digest = f"0x{hashes(tx).safe_tx.hex()}"
    document = {
        "safe": tx.safe,
        "to": tx.to,
        "value": str(tx.value),
        "data": f"0x{tx.data.hex()}" if tx.data else None,
        "operation": 0,
        "gasToken": ZERO_ADDRESS,
        "safeTxGas": 0,
        "baseGas": 0,
        "gasPrice": "0",
        "refundReceiver": ZERO_ADDRESS,
        "nonce": tx.nonce,
        "contractTransactionHash": digest,
        "safeTxHash": digest,
        "confirmations": [
            {"owner": each.owner, "signature": f"0x{each.signature.hex()}", "signatureType": "EOA"}
            for each in signatures
        ],
    }
    return canonical_json(document)


def typed_text(tx: SafeTx) -> str:
    """What eth_signTypedData_v4 takes; it carries no signature."""
    data = typed_data(tx)

    def members(name: str, values: Sequence[Any]) -> dict[str, object]:
        return {
            each.name: _typed_value(each.type, value)
            for each, value in zip(data.struct(name).members, values, strict=True)
        }

    document = {
        "types": {
            each.name: [{"name": member.name, "type": member.type} for member in each.members]
            for each in data.structs
        },
        "primaryType": data.primary_type,
        "domain": members(DOMAIN, data.domain),
        "message": members(data.primary_type, data.message),
    }
    return canonical_json(document)


def _typed_value(kind: str, value: Any) -> object:
    """Numbers as text, as wallets take them without loss; the chain id stays one."""
    if kind == "uint256" and value >= 2**53:
        return str(value)
    return value if isinstance(value, int) else shown(kind, value)


def _numbers(document: Mapping[str, Any]) -> dict[str, Any]:
    """Typed data with their numbers as numbers: wallets write large ones as text."""
    found = dict(document)
    for part in ("domain", "message"):
        values = found.get(part)
        if isinstance(values, dict):
            found[part] = {
                name: int(value)
                if name in {"chainId", "value", "operation", "nonce", *NUMBERS_OF_REFUND}
                and isinstance(value, str)
                and _NUMBER.fullmatch(value)
                else value
                for name, value in values.items()
            }
    return found


def _require_members(
    document: Mapping[str, Any], needed: frozenset[str], allowed: frozenset[str] | set[str], what: str
) -> None:
    if missing := needed - set(document):
        raise _bad(what, f"expected {', '.join(sorted(missing))}")
    if surplus := set(document) - needed - allowed:
        raise _bad(what, f"expected nothing else, found {', '.join(sorted(surplus))[:200]}")


def _number(value: object, what: str) -> int:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise DocumentError("bad_number", f"{what}: expected a whole number, found {ascii(value)[:40]}")


def _address(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise SafeError("bad_document", f"{what}: expected an address, found {ascii(value)[:60]}")
    if value == ZERO_ADDRESS:
        return value
    try:
        address_bytes(value, what)
    except AddressError as error:
        raise SafeError("bad_document", error.message, hint=error.hint) from None
    return value


def _data(value: object, what: str) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise _bad(what, f"expected 0x and hex digits, found {ascii(value)[:40]}")
    return bytes.fromhex(value[2:])


def _hash(value: object, what: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise _bad(what, f"expected a hash as 0x and 64 lower-case hex digits, found {ascii(value)[:80]}")
    return value


def _bad(what: str, why: str) -> SafeError:
    return SafeError("bad_document", f"{what}: {why}")
