"""A Safe of ours: as the chain has it, compared with the configuration and the plan; its owners' signatures.

What owners signed stands in the step's record and is proven again each time it is read. No more of them are
asked than are needed, and those who saw only hashes are never enough alone. Nothing is sent from here.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vault.canonical import canonical_json
from vault.clock import to_iso
from vault.errors import DeceivedError, DeviceError, DeviceRefusedError, PlanError, SafeError, VaultError
from vault.store import records
from vault.treasury.ethereum.accounts import chain_named, chain_of, device_key
from vault.treasury.plan import require_live

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.config import Treasury
    from vault.config_chains import AccountSettings, SafeSettings
    from vault.ethereum.safe.changes import Change
    from vault.ethereum.safe.inner import InnerCall
    from vault.ethereum.safe.signatures import OwnerSignature, Saw
    from vault.ethereum.safe.state import SafeState
    from vault.ethereum.safe.transaction import SafeTx
    from vault.evm.call import EthereumCall, SafeCall
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


@dataclass(frozen=True, slots=True)
class OwnerState:
    """An owner: the account of ours and its device (empty: outside), and what its signer saw."""

    owner: str
    account: str
    device: str
    signed: bool
    saw: Saw


@dataclass(frozen=True, slots=True)
class SafeProgress:
    """How far the owners are: `missing` more are needed, of whom one must see the data while nobody has.

    `closed`: the plan is signed by nobody any more (frozen, over, or ended).
    """

    transfer: int
    account: str
    threshold: int
    owners: tuple[OwnerState, ...]
    missing: int
    domain_hash: str
    message_hash: str
    safe_hash: str
    closed: bool = False

    @property
    def done(self) -> tuple[OwnerState, ...]:
        return tuple(each for each in self.owners if each.signed)

    @property
    def open(self) -> tuple[OwnerState, ...]:
        """Who still may sign; nobody once it is enough, or the plan is closed."""
        return tuple(each for each in self.owners if self.missing and not self.closed and not each.signed)

    @property
    def blind(self) -> bool:
        """Enough have signed, and none of them is known to have seen more than hashes."""
        return bool(self.missing) and len(self.done) >= self.threshold


# -- the Safe on its chain ---------------------------------------------------------------------------------


def read_state(desk: Desk, account: str) -> SafeState:
    """The Safe of an account at the tip of its chain. Raises `SafeError`, `EthereumError`, `ConfigError`."""
    from vault.ethereum.safe.state import read_safe

    settings = desk.treasury.account(account)
    _safe_of(settings)
    node = desk.ethereum(chain_of(desk.treasury, account).name)
    with node.session():
        return read_safe(node.view(node.tip()), settings.address)


@dataclass(frozen=True, slots=True)
class SafeReport:
    """A Safe as its chain has it, and in what it is not as configured."""

    account: str
    state: SafeState
    differences: tuple[VaultError, ...]


def safe_report(desk: Desk, account: str) -> SafeReport:
    """Every difference, not only the first. Raises `SafeError` for a Safe that is not even a known one."""
    from vault.ethereum.safe.state import require_configured, require_untouched

    state = read_state(desk, account)
    differences: list[VaultError] = []
    try:
        require_configured(state, *_wanted(desk.treasury, account))
    except SafeError as error:
        differences.append(error)
    try:
        require_untouched(state)
    except SafeError as error:
        differences.append(error)
    return SafeReport(account, state, tuple(differences))


def require_safe_as_configured(desk: Desk, account: str) -> None:
    """Version, owners, threshold, modules, guard and handler are as they must be. Raises `SafeError`."""
    _require_fit(desk, account, read_state(desk, account), None)


def planned_safe_call(desk: Desk, account: str, to: str, value: int, data: bytes) -> SafeCall:
    """The call that a plan binds, of a Safe that is as configured. Raises `SafeError`, `EthereumError`."""
    from vault.ethereum.safe.inner import read_inner
    from vault.ethereum.safe.state import planned
    from vault.ethereum.safe.transaction import safe_tx

    state = read_state(desk, account)
    call = planned(state, to, value, data)
    inner = read_inner(safe_tx(state.chain_id, call))
    _require_fit(desk, account, state, inner.change)
    return call


def check_on_chain(desk: Desk, transfer: Transfer) -> SafeState:
    """The Safe is as configured and as it was planned, and the plan's call is its next one.

    Raises `SafeError` (what `state` finds, ``safe.unplanned_change``), `EthereumError`.
    """
    from vault.ethereum.safe.state import require_as_planned

    call, inner = _safe_call(transfer), inner_of(transfer)
    state = read_state(desk, transfer.source)
    _require_fit(desk, transfer.source, state, inner.change)
    require_as_planned(state, call)
    return state


def _require_fit(desk: Desk, account: str, state: SafeState, change: Change | None) -> None:
    """The Safe is as configured; of a change of the Safe, before it or after it."""
    from vault.ethereum.safe.changes import after
    from vault.ethereum.safe.state import require_configured, require_untouched

    later = state if change is None else after(change, state)
    owners, threshold = _wanted(desk.treasury, account)
    if (set(later.owners), later.threshold) != (owners, threshold):
        require_configured(state, owners, threshold)
    try:
        require_untouched(later)
    except SafeError:
        if change is None:
            raise
        require_untouched(state)


def _wanted(treasury: Treasury, account: str) -> tuple[set[str], int]:
    """Owners and threshold as treasury.toml has them."""
    safe = _safe_of(treasury.account(account))
    return {*(treasury.account(name).address for name in safe.owners), *safe.outside}, safe.threshold


def _safe_of(settings: AccountSettings) -> SafeSettings:
    if settings.safe is None:
        raise SafeError("no_safe", f"expected the account of a Safe, found {settings.name} ({settings.kind})")
    return settings.safe


# -- the plan's call ---------------------------------------------------------------------------------------


def _safe_call(transfer: Transfer) -> SafeCall:
    call = transfer.ethereum.safe
    if call is None:
        raise PlanError("form", f"transfer {transfer.number}: expected a call of a Safe, found none")
    return call


def tx_of(transfer: Transfer) -> SafeTx:
    """What the owners sign. Raises `SafeError`, `PlanError`."""
    from vault.ethereum.safe.transaction import safe_tx

    return safe_tx(transfer.ethereum.chain_id, _safe_call(transfer))


def inner_of(transfer: Transfer) -> InnerCall:
    """The call decoded; the Safe's own settings change only in a plan for that.

    Raises `EthereumError` (``unknown_call``), `SafeError` (``safe.unplanned_change``).
    """
    from vault.ethereum.safe.inner import read_inner

    found = read_inner(tx_of(transfer))
    if found.change is not None and transfer.action not in {"reconfigure", "bump"}:
        raise SafeError(
            "unplanned_change",
            f"transfer {transfer.number}: expected a {transfer.action}, found a change of the Safe: "
            f"{found.change.text}",
            hint="Do not sign it. Only a plan of the action reconfigure changes a Safe.",
        )
    return found


def safe_progress(desk: Desk, transfer: Transfer, steps: Iterable[IntentRow]) -> SafeProgress:
    """Who has signed and who still may. Raises `SafeError` for kept signatures that do not hold."""
    from vault.ethereum.safe.signatures import missing
    from vault.ethereum.safe.transaction import hashes

    call = _safe_call(transfer)
    row = next((each for each in steps if (each.transfer, each.kind) == (transfer.number, "spend")), None)
    there = kept(transfer, row)
    signed = {each.owner: each.saw for each in there}
    ours = {each.address: each for each in _owner_accounts(desk.treasury, transfer)}
    states = []
    for owner in call.owners:
        account = ours.get(owner)
        names = (account.name, account.device or "") if account else ("", "")
        states.append(OwnerState(owner, *names, owner in signed, signed.get(owner, "unknown")))
    found = hashes(tx_of(transfer))
    return SafeProgress(
        transfer.number,
        transfer.source,
        call.threshold,
        tuple(states),
        missing(call, there),
        f"0x{found.domain.hex()}",
        f"0x{found.message.hex()}",
        f"0x{found.safe_tx.hex()}",
    )


def _owner_accounts(treasury: Treasury, transfer: Transfer) -> tuple[AccountSettings, ...]:
    """The accounts of ours that own the Safe, in the configured order."""
    safe = _safe_of(treasury.account(transfer.source))
    return tuple(treasury.account(name) for name in safe.owners)


# -- signatures --------------------------------------------------------------------------------------------


def kept(transfer: Transfer, intent: IntentRow | None) -> tuple[OwnerSignature, ...]:
    """The owners' signatures in a step's record, proven again. Raises `SafeError`."""
    from vault.ethereum.safe.signatures import OwnerSignature, collect

    if intent is None:
        return ()
    try:
        rows: list[Any] = json.loads(str(intent.facts.get("owners", "[]")))
        found = [
            OwnerSignature(str(owner), bytes.fromhex(str(signature)[2:]), _saw(saw))
            for owner, signature, saw in rows
        ]
    except (ValueError, TypeError):
        raise SafeError("bad_record", f"the signatures kept for {intent.client_id} do not read") from None
    return collect(transfer.ethereum.chain_id, _safe_call(transfer), found)


def _saw(text: object) -> Saw:
    return "data" if text == "data" else "hashes" if text == "hashes" else "unknown"


def outer_call(transfer: Transfer, intent: IntentRow) -> EthereumCall:
    """The outer call with its data: execTransaction of exactly the plan's call and a quorum.

    Raises `SafeError` (``safe.not_enough_signatures``, ``safe.blind_quorum``).
    """
    from vault.ethereum.safe.execute import exec_data, require_exec

    call, safe = transfer.ethereum, _safe_call(transfer)
    data = exec_data(call.chain_id, safe, kept(transfer, intent))
    require_exec(data, call.chain_id, safe)
    return replace(call, data=f"0x{data.hex()}")


def sign_on_devices(
    desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None
) -> IntentRow:
    """Ask the owners' devices in turn, or only the one named, until there are signatures enough.

    Devices that are not at hand are passed over, unless no other is. Raises `DeviceError` and its kin,
    `SafeError`, `EthereumError`.
    """
    _show(desk, transfer)
    away: list[DeviceError] = []
    asked = 0
    for account in _owner_accounts(desk.treasury, transfer):
        state = safe_progress(desk, transfer, (intent,))
        if account.address not in {each.owner for each in state.open} or device not in {None, account.device}:
            continue
        try:
            signature = _ask(desk, transfer, account)
        except DeviceError as error:
            if device is not None or isinstance(error, DeviceRefusedError | DeceivedError):
                raise
            desk.progress(f"{account.device} is passed over: {error.message}")
            away.append(error)
            continue
        intent = keep_owner_signatures(desk, plan, transfer, intent, (signature,))
        asked += 1
    if away and not asked:
        raise away[0]
    return intent


def _show(desk: Desk, transfer: Transfer) -> None:
    """What all owners are about to sign, to be compared with every screen."""
    from vault.ethereum.safe.describe import describe

    inner_of(transfer)
    for line in describe(tx_of(transfer), _safe_call(transfer), names=names_of(desk.treasury, transfer)):
        desk.progress(line)


def names_of(treasury: Treasury, transfer: Transfer) -> dict[str, str]:
    """What addresses in a transfer are called here: our accounts, and the entries it pays."""
    chain = chain_named(treasury, transfer.network).name
    names = {each.address: each.name for each in treasury.config.account if each.chain == chain}
    return names | {each.address: each.destination for each in transfer.payments}


def _ask(desk: Desk, transfer: Transfer, account: AccountSettings) -> OwnerSignature:
    """One owner's signature of the typed data; in full where the model can show it."""
    from vault.device.ethereum.sign import sign_typed_data
    from vault.device.ethereum.typed_exchange import signs_in_full
    from vault.ethereum.safe.signatures import OwnerSignature
    from vault.ethereum.safe.transaction import typed_data

    data = typed_data(tx_of(transfer))
    with ExitStack() as stack:
        session = stack.enter_context(desk.device(str(account.device)))
        desk.progress(f"sign transfer {transfer.number} as {account.name} on {account.device}")
        full = signs_in_full(session.features, data)
        signature = sign_typed_data(session, data, device_key(account))
    return OwnerSignature(account.address, signature.raw, "data" if full else "hashes")


def keep_owner_signatures(
    desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, signatures: Iterable[OwnerSignature]
) -> IntentRow:
    """Put owners' signatures to those that are there; what another process kept meanwhile counts too.

    The step stays "signing": the executor's transaction is another one. Once there are enough nothing is
    changed any more, for the executor signs these. Raises `SafeError`, `PlanError`.
    """
    from vault.ethereum.safe.signatures import collect, missing

    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        row = records.find_plan(writer.connection, plan.plan_id)
        if row is None or row.state not in {"approved", "sending"}:
            state = row.state if row else "lost"
            raise PlanError("wrong_state", f"plan {plan.plan_id} became {state} while it was being signed")
        found = records.find_intent(writer.connection, intent.client_id)
        there = kept(transfer, found)
        if found.state not in {"planned", "signing"} or not missing(_safe_call(transfer), there):
            return found
        best = {each.owner: each for each in there}
        for each in signatures:
            if each.owner not in best or (each.saw == "data" != best[each.owner].saw):
                best[each.owner] = each
        together = collect(transfer.ethereum.chain_id, _safe_call(transfer), best.values())
        rows = [[each.owner, f"0x{each.signature.hex()}", each.saw] for each in together]
        facts = {
            "asked_at": str(found.facts.get("asked_at") or to_iso(desk.clock.now())),
            "safe_hash": safe_progress(desk, transfer, ()).safe_hash,
            "owners": canonical_json(rows),
        }
        return records.move_intent(writer, found, "signing", **facts)
