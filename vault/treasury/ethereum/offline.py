"""A file judged by itself, on a machine that asks nobody: plans, Safe transactions, signed transactions.

Every hash is made again and every call decoded by our own tables; what cannot be read, runs foreign code or
is not what the file itself says is refused with its own code. No store, no keyring, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vault.canonical import read_json
from vault.errors import EthereumError, PlanError, SafeError, VaultError
from vault.ethereum.caps import FeeCaps
from vault.ethereum.contracts.erc20 import APPROVE
from vault.ethereum.decode import DecodedCall, decode_call
from vault.ethereum.safe.describe import describe, named, named_line
from vault.ethereum.safe.document import SafeDocument, read_mapping
from vault.ethereum.safe.execute import inner_of, is_exec, read_exec
from vault.ethereum.safe.inner import read_inner
from vault.ethereum.safe.signatures import SIGNATURE_BYTES, read_signature
from vault.ethereum.safe.state import require_owners
from vault.ethereum.safe.table import SAFE_TABLE
from vault.ethereum.safe.transaction import SafeTx, hashes, safe_tx
from vault.ethereum.safe.versions import require_singleton
from vault.evm.call import EthereumCall, SafeCall
from vault.evm.hashing import keccak
from vault.evm.transaction import parse_signed, recover, signing_digest
from vault.treasury.plan import Plan, Transfer, parse_plan, require_form, require_format

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.ethereum.verify import Expected
    from vault.policy.book import AddressBook

MAX_FILE: Final = 8_000_000  # as a plan may be
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})+)\s*", re.ASCII)
# A policy has the caps on gas; here they are only shown.
_NO_CAPS: Final = FeeCaps(2**128, 2**160)
_MAY_CHANGE_A_SAFE: Final = frozenset({"reconfigure", "bump"})


@dataclass(frozen=True, slots=True)
class Known:
    """What files are compared with, as far as it was given: an address book, a configuration."""

    book: AddressBook | None = None
    treasury: Treasury | None = None

    def names(self, chain_id: int) -> dict[str, str]:
        """What addresses on a chain are called."""
        found: dict[str, str] = {}
        if self.book is not None:
            for each in self.book.entries:
                if each.network == f"eip155:{chain_id}" and each.retired_at is None:
                    # Entries of several assets are one address: it is called what it is.
                    several = each.address in found
                    found[each.address] = (each.wallet or each.id) if several else each.id
        if self.treasury is not None:
            ids = {chain.name: chain.id for chain in self.treasury.config.chain}
            accounts = self.treasury.config.account
            found |= {each.address: each.name for each in accounts if ids[each.chain] == chain_id}
        return found


@dataclass(frozen=True, slots=True)
class VerifiedItem:
    """One transaction of a file; `error` is why it may not be signed, None where nothing is against it."""

    title: str
    lines: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    error: VaultError | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file is, and each transaction in it. `notes` say what was not looked at."""

    kind: str
    title: str
    items: tuple[VerifiedItem, ...]
    notes: tuple[str, ...] = ()

    @property
    def first_error(self) -> VaultError | None:
        return next((each.error for each in self.items if each.error is not None), None)


def verify_file(
    text: str, what: str, known: Known, *, chain_id: int | None = None, safe_nonce: int | None = None
) -> FileReport:
    """Judge a file of any kind that is known. Raises `VaultError` for one that cannot be read at all."""
    if len(text) > MAX_FILE:
        raise EthereumError("bad_file", f"{what}: expected at most {MAX_FILE} characters")
    if match := _HEX.fullmatch(text):
        return _of_raw(bytes.fromhex(match[1]), known, safe_nonce)
    document = read_json(text, what=what)
    if not isinstance(document, dict):
        raise EthereumError("bad_file", f"{what}: expected a plan, a Safe document or a signed transaction")
    if "digest" in document and "body" in document:
        _refuse_operation(document, what)
        return _of_plan(parse_plan(text, what=what), known)
    return _of_document(read_mapping(document, what, chain_id), known)


# -- plans -------------------------------------------------------------------------------------------------


def _refuse_operation(document: Mapping[str, Any], what: str) -> None:
    """A plan has no place for an operation; one that somebody put in is named before all else."""
    body = document["body"]
    rows = body.get("transfers") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) else ():
        call = row.get("call") if isinstance(row, dict) else None
        safe = call.get("safe") if isinstance(call, dict) else None
        if isinstance(safe, dict) and safe.get("operation", 0) != 0:
            raise SafeError(
                "delegatecall",
                f"{what}: expected calls of Safes alone, found operation {str(safe['operation'])[:20]}: a "
                "DELEGATECALL runs foreign code as the Safe itself",
                hint="Do not sign anything of this file. Ask who made it.",
            )


def _of_plan(plan: Plan, known: Known) -> FileReport:
    require_format(plan)
    body = plan.body
    if known.treasury is not None and known.treasury.config.treasury_id != body.treasury_id:
        raise PlanError(
            "foreign",
            f"expected a plan of {known.treasury.config.treasury_id}, found one of {body.treasury_id}",
        )
    items = tuple(
        _of_transfer(each, known) if each.call is not None else _of_payments(each, known)
        for each in body.transfers
    )
    others = [str(each.number) for each in body.transfers if each.on_bitcoin]
    notes = [f"the PSBT of transfer {each}: `vault psbt verify` proves it" for each in others]
    if known.book is not None and known.book.digest() != body.book_digest:
        notes.append(f"the plan was made with another version of the address book ({body.book_version})")
    title = f"Plan {plan.plan_id} of {body.treasury_id}, digest {plan.digest}"
    return FileReport("plan", title, items, (*notes, *_not_compared(known)))


def _of_transfer(transfer: Transfer, known: Known) -> VerifiedItem:
    title = f"Transfer {transfer.number}: {transfer.action} out of {transfer.source}"
    call = transfer.ethereum
    names = known.names(call.chain_id)
    try:
        require_form(transfer)
        decoded = _as_planned(transfer)
        for payment in transfer.payments:
            _require_entry(known, transfer.network, payment.address, payment.amount.asset.symbol)
        _require_sender(known, call)
        lines = [*(f"pays {each.amount} to {each.destination}" for each in transfer.payments)]
        lines += [f"signed and paid for by {named(call.sender, names)}, nonce {call.nonce}"]
        beside = f" and {call.data_fee} wei for data" if call.data_fee else ""
        lines += [
            f"gas: {call.gas_limit} at most {call.max_fee} wei each{beside}, {call.max_gas_cost} wei in all"
        ]
        if call.safe is None:
            lines += [named_line(each, names) for each in decoded.lines()]
            lines.append(f"data: {call.data}")
            return VerifiedItem(title, tuple(lines), (("signing hash", _signing_hash(call)),))
        tx = safe_tx(call.chain_id, call.safe)
        _require_safe(known, call.chain_id, call.safe)
        lines += describe(tx, call.safe, names=names, fours=True)
        return VerifiedItem(title, tuple(lines), hashes(tx).texts)
    except VaultError as error:
        return VerifiedItem(title, error=error)


def _of_payments(transfer: Transfer, known: Known) -> VerifiedItem:
    """What is no transaction of ours on Ethereum: who is paid what, and whether the book has them."""
    title = f"Transfer {transfer.number}: {transfer.action} out of {transfer.source}"
    try:
        require_form(transfer)
        for payment in transfer.payments:
            _require_entry(known, transfer.network, payment.address, payment.amount.asset.symbol)
    except VaultError as error:
        return VerifiedItem(title, error=error)
    lines = [
        f"pays {each.amount} to {each.destination}, {each.address} on {transfer.network}"
        for each in transfer.payments
    ]
    if transfer.kind == "venue_withdrawal":
        way = f" by its network {transfer.venue_network}" if transfer.venue_network else ""
        lines.append(f"{transfer.venue_account} pays it{way} and keeps {transfer.fee}; nobody here signs")
    elif transfer.kind == "venue_move":
        lines.append(f"moves {transfer.returned} at {transfer.venue_account}; nobody here signs")
    else:
        lines.append(f"network fee {transfer.fee}")
    return VerifiedItem(title, tuple(lines))


def _as_planned(transfer: Transfer) -> DecodedCall:
    """The call does what the transfer's payments or its action say, and nothing else."""
    from vault.ethereum.verify import verify_call

    call = transfer.ethereum
    if is_exec(_data(call.data)):
        read_exec(_data(call.data))  # so that a delegatecall is named as what it is
    directory = {} if call.safe is None else {call.safe.address: SAFE_TABLE}
    decoded = verify_call(call, _expected(transfer), _NO_CAPS, directory)
    if call.safe is not None:
        inner = read_inner(safe_tx(call.chain_id, call.safe))
        if (inner.change is not None) and transfer.action not in _MAY_CHANGE_A_SAFE:
            raise SafeError(
                "unplanned_change",
                f"expected a {transfer.action}, found a change of the Safe: {inner.change.text}",
            )
    return decoded


def _expected(transfer: Transfer) -> Expected:
    from vault.ethereum.verify import ExpectedCancel, ExpectedExact, ExpectedPayment, ExpectedRevoke

    call = transfer.ethereum
    safe = call.safe
    payer = safe.address if safe else call.sender
    if transfer.payments:
        return ExpectedPayment(call.chain_id, payer, transfer.payment.amount, transfer.payment.address)
    to, value, data = (safe.to, safe.value, safe.data) if safe else (call.to, call.value, call.data)
    if (to, data) == (payer, "0x"):
        return ExpectedCancel(call.chain_id, payer)
    if safe is not None and to == payer:
        return ExpectedExact(call.chain_id, payer, to, value, data)
    found = decode_call(call.chain_id, to, value, _data(data))
    if found.function != APPROVE or found.asset is None or found.party is None:
        raise PlanError(
            "form",
            f"transfer {transfer.number}: expected a call that fits a {transfer.action}, found "
            + "; ".join(found.lines()),
        )
    return ExpectedRevoke(call.chain_id, payer, found.asset, found.party)


def _signing_hash(call: EthereumCall) -> str:
    from vault.ethereum.verify import to_transaction

    return f"0x{signing_digest(to_transaction(call)).hex()}"


def _data(text: str) -> bytes:
    from vault.ethereum.decode import data_bytes

    return data_bytes(text)


# -- Safe documents ----------------------------------------------------------------------------------------

_FORMS: Final = {
    "vault": "Safe document",
    "service": "Safe transaction service document",
    "typed": "typed data (EIP-712) of a Safe transaction",
}


def _of_document(document: SafeDocument, known: Known) -> FileReport:
    tx, call = document.tx, document.call
    names = known.names(tx.chain_id)
    title = f"Safe transaction {tx.nonce} of {named(tx.safe, names)}"
    notes = list(_not_compared(known))
    try:
        decoded = read_inner(tx).decoded
        _require_party(known, decoded)
        if call is not None:
            _require_safe(known, tx.chain_id, call)
        else:
            notes.append("the file does not say which owners and which version the Safe has")
        _require_signers(known, document)
        lines = describe(tx, call, document.signatures, names, fours=True)
        item = VerifiedItem(title, lines, hashes(tx).texts)
    except VaultError as error:
        item = VerifiedItem(title, error=error)
    return FileReport(document.form, _FORMS[document.form], (item,), tuple(notes))


# -- signed transactions -----------------------------------------------------------------------------------


def _of_raw(raw: bytes, known: Known, safe_nonce: int | None) -> FileReport:
    tx, signature = parse_signed(raw)
    names = known.names(tx.chain_id)
    signer = recover(signing_digest(tx), signature)
    digest = f"0x{keccak(raw).hex()}"
    lines = [f"signed by {named(signer, names)}, nonce {tx.nonce}, on chain {tx.chain_id}"]
    found: list[tuple[str, str]] = [("transaction hash", digest)]
    notes = list(_not_compared(known))
    title = f"Transaction {digest}"
    try:
        if not is_exec(tx.data):
            decoded = decode_call(tx.chain_id, tx.to, tx.value, tx.data)
            _require_party(known, decoded)
            lines += [named_line(each, names) for each in decoded.lines()]
        else:
            if tx.value:
                raise SafeError("altered", f"expected no ether with execTransaction, found {tx.value} wei")
            execution = read_exec(tx.data)
            inner = inner_of(tx.chain_id, tx.to, safe_nonce or 0, execution)
            _require_party(known, read_inner(inner).decoded)
            if safe_nonce is None:
                lines += [named_line(each, names) for each in read_inner(inner).lines()]
                notes.append("the Safe's nonce is not in it: --safe-nonce N makes its hashes and its owners")
            else:
                lines += describe(inner, names=names, fours=True)
                lines += _owners(inner, execution.signatures, names)
                found += hashes(inner).texts
        item = VerifiedItem(title, tuple(lines), tuple(found))
    except VaultError as error:
        item = VerifiedItem(title, tuple(lines), (("transaction hash", digest),), error)
    return FileReport("transaction", "Signed transaction", (item,), tuple(notes))


def _owners(tx: SafeTx, packed: bytes, names: Mapping[str, str]) -> list[str]:
    """Who signed, in the contract's order. Raises `SafeError`."""
    if len(packed) % SIGNATURE_BYTES:
        raise SafeError("bad_signature", "expected owners' signatures of 65 bytes each")
    digest = hashes(tx).safe_tx
    owners = [
        read_signature(packed[at : at + SIGNATURE_BYTES], digest, None).owner
        for at in range(0, len(packed), SIGNATURE_BYTES)
    ]
    if [int(each, 16) for each in owners] != sorted({int(each, 16) for each in owners}):
        raise SafeError("unsorted_signatures", "expected the owners' signatures by rising address")
    return [f"the signature leads to {named(each, names)}" for each in owners]


# -- what is known here ------------------------------------------------------------------------------------


def _not_compared(known: Known) -> tuple[str, ...]:
    missing = [("--book", "addresses"), ("--config", "accounts, owners and thresholds")]
    given = [known.book is not None, known.treasury is not None]
    return tuple(
        f"{what} were compared with nothing: give {option}"
        for (option, what), there in zip(missing, given, strict=True)
        if not there
    )


def _require_party(known: Known, decoded: DecodedCall) -> None:
    """Whoever receives is an entry of the book; an allowance is given to nobody."""
    if decoded.party is None or decoded.asset is None or not decoded.units:
        return
    if decoded.function == APPROVE:
        raise EthereumError(
            "grants_allowance",
            f"expected that nobody may take {decoded.asset}, found leave for {decoded.party} to take "
            f"{decoded.units} base units",
            hint="Do not sign it. No plan of ours ever gives an allowance; one is only taken back.",
        )
    _require_entry(known, f"eip155:{decoded.chain_id}", decoded.party, decoded.asset.symbol)


def _require_entry(known: Known, network: str, address: str, asset: str) -> None:
    if known.book is None:
        return
    for each in known.book.entries:
        if (each.network, each.address, each.asset) == (network, address, asset) and not each.retired_at:
            return
    raise EthereumError(
        "not_in_book",
        f"expected an entry of the address book for {asset} on {network}, found {address}",
        hint="Compare every digit with whoever gave it to you, and not with a history of transactions.",
    )


def _require_sender(known: Known, call: EthereumCall) -> None:
    if known.treasury is None:
        return
    settings = known.treasury.account(call.account)
    if settings.address != call.sender:
        raise EthereumError(
            "wrong_payer",
            f"expected {call.account} to be {settings.address}, found {call.sender}",
            hint="The configuration here and the one that made the plan differ.",
        )


def _require_safe(known: Known, chain_id: int, call: SafeCall) -> None:
    """A published implementation; owners and threshold as configured, where that is known here."""
    require_singleton(call.version, call.implementation)
    if known.treasury is not None:
        owners, threshold = _configured(known.treasury, chain_id, call.address)
        require_owners(call.address, call.owners, call.threshold, owners, threshold)


def _require_signers(known: Known, document: SafeDocument) -> None:
    """The Safe is one of ours, and whoever signed is an owner of it, where that is known here."""
    if known.treasury is None:
        return
    owners, _ = _configured(known.treasury, document.tx.chain_id, document.tx.safe)
    for each in document.signatures:
        if each.owner not in owners:
            raise SafeError(
                "foreign_signature",
                f"expected signatures of owners of {document.tx.safe}, found one of {each.owner}",
                hint="Somebody who owns nothing of this Safe signed it. Ask who sent the file.",
            )


def _configured(treasury: Treasury, chain_id: int, safe: str) -> tuple[set[str], int]:
    """Owners and threshold of a Safe of ours. Raises `SafeError` (``safe.wrong_safe``)."""
    ids = {chain.name: chain.id for chain in treasury.config.chain}
    for each in treasury.config.account:
        if each.safe is not None and (ids[each.chain], each.address) == (chain_id, safe):
            owners = {treasury.account(name).address for name in each.safe.owners}
            return {*owners, *each.safe.outside}, each.safe.threshold
    raise SafeError(
        "wrong_safe",
        f"expected a Safe of treasury.toml on chain {chain_id}, found {safe}",
        hint="Somebody else's Safe, or a lookalike of ours.",
    )
