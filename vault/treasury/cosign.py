"""Signatures of a group's cosigners: asked of one device after another, proven, kept until they are enough.

What is kept stands in the step's record and is proven again each time it is read. No more signatures are
asked for than are needed; the transaction is put together by us, and run by libbitcoinkernel.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vault.canonical import canonical_json
from vault.errors import ConfigError, DeceivedError, DeviceError, DeviceRefusedError, PlanError, PsbtError
from vault.store import records
from vault.treasury.ethereum.devices import devices_of
from vault.treasury.plan import require_live
from vault.treasury.spending import device_request, verify_transfer, with_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.bitcoin.spend import PartialSignature, VerifiedSpend
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


@dataclass(frozen=True, slots=True)
class CosignerState:
    """A key of a group: where it is, the device here that holds it (empty: outside), inputs it signed."""

    fingerprint: str
    path: str
    device: str
    signed: int


@dataclass(frozen=True, slots=True)
class Cosigning:
    """How far a group's transaction is: `missing` signatures are needed on the input that has fewest.

    `closed`: its plan is signed by nobody any more (frozen, over, or ended).
    """

    transfer: int
    threshold: int
    inputs: int
    missing: int
    cosigners: tuple[CosignerState, ...]
    closed: bool = False

    @property
    def done(self) -> tuple[CosignerState, ...]:
        """Who signed every input."""
        return tuple(each for each in self.cosigners if each.signed == self.inputs)

    @property
    def open(self) -> tuple[CosignerState, ...]:
        """Who still may; nobody once it is enough, or the plan is closed."""
        wanted = self.missing and not self.closed
        return tuple(each for each in self.cosigners if wanted and each.signed < self.inputs)


def as_it_stands(verified: VerifiedSpend, intent: IntentRow) -> VerifiedSpend:
    """The proven spend with the signatures that were kept, each proven again. Raises `PsbtError`."""
    from vault.bitcoin.verify import collect

    kept = _kept(intent)
    return collect(verified, kept) if kept else verified


def cosigning(desk: Desk, transfer: Transfer, verified: VerifiedSpend) -> Cosigning:
    """Who of a group has signed, and who still may."""
    from vault.bitcoin.descriptor import path_text

    settings = desk.treasury.wallet(transfer.source)
    held = {desk.treasury.device(name).root_fingerprint: name for name in settings.signers}
    keys = verified.expected.descriptor.keys
    signed = _signed_inputs(verified)
    return Cosigning(
        transfer.number,
        verified.expected.descriptor.threshold,
        len(verified.inputs),
        verified.missing,
        tuple(
            CosignerState(key.fingerprint, path_text(key.path), held.get(key.fingerprint, ""), signed[number])
            for number, key in enumerate(keys)
        ),
    )


def progress(
    desk: Desk, transfer: Transfer, verified: VerifiedSpend, steps: Iterable[IntentRow]
) -> Cosigning:
    """The same with the signatures that were kept. Raises `PsbtError` for those that do not hold."""
    for intent in steps:
        if (intent.transfer, intent.kind) == (transfer.number, "spend"):
            return cosigning(desk, transfer, as_it_stands(verified, intent))
    return cosigning(desk, transfer, verified)


def sign_on_devices(
    desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None
) -> None:
    """Ask the group's devices in turn, or the one named, until there are signatures enough.

    Devices that are not at hand are passed over, unless no other is. Raises `DeviceError` and its kin,
    `PsbtError`, `ConfigError`.
    """
    verified = verify_transfer(desk, transfer)
    now = as_it_stands(verified, intent)
    away: list[DeviceError] = []
    asked = 0
    for name in signers_of(desk, transfer, device):
        accounts = _due(desk, now, name)
        if not accounts:
            continue
        with ExitStack() as stack:
            try:
                session = stack.enter_context(desk.device(name))
            except DeviceError as error:
                if device is not None or isinstance(error, DeviceRefusedError | DeceivedError):
                    raise
                desk.progress(f"{name} is passed over: {error.message}")
                away.append(error)
                continue
            desk.progress(f"sign transfer {transfer.number} on {name}")
            request = replace(device_request(now), accounts=accounts)
            answer = session.sign_transaction(request, desk.network, desk.on_signing)
        now = keep(desk, plan, verified, intent, with_answer(now, answer).partial)
        asked += 1
    if away and not asked:
        raise away[0]


def signers_of(desk: Desk, transfer: Transfer, device: str | None) -> tuple[str, ...]:
    """The devices that sign for a transfer's wallet or account, or the one named if it is one of them."""
    signers = (
        desk.treasury.wallet(transfer.source).signers if transfer.on_bitcoin else devices_of(desk, transfer)
    )
    if device is None:
        return signers
    return (device,) if device in signers else ()


def keep(
    desk: Desk, plan: Plan, verified: VerifiedSpend, intent: IntentRow, partial: Iterable[PartialSignature]
) -> VerifiedSpend:
    """Put cosigners' signatures to those that are there; finishes the transaction once they are enough.

    What another process kept meanwhile counts too. Raises `PsbtError`, `PlanError`.
    """
    from vault.bitcoin.verify import collect, verify_signed

    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        row = records.find_plan(writer.connection, plan.plan_id)
        if row is None or row.state not in {"approved", "sending"}:
            state = row.state if row else "lost"
            raise PlanError("wrong_state", f"plan {plan.plan_id} became {state} while it was being signed")
        found = records.find_intent(writer.connection, intent.client_id)
        together = collect(as_it_stands(verified, found), partial)
        if found.state != "signing":
            return together
        text = canonical_json(
            [[each.input, each.key.hex(), each.signature.hex()] for each in together.partial]
        )
        if together.missing:
            records.move_intent(writer, found, "signing", partial=text)
        else:
            final = verify_signed(together)
            records.move_intent(writer, found, "signed", partial=text, txid=final.txid, raw=final.raw.hex())
    return together


def require_known(desk: Desk, device: str, transfers: Iterable[Transfer]) -> None:
    """The device signs for one of these transfers. Raises `ConfigError`."""
    names = sorted({name for each in transfers for name in signers_of(desk, each, None)})
    if device not in names:
        raise ConfigError(
            "no_signer", f"expected a device of this plan's wallets ({', '.join(names)}), found {device!r}"
        )


def _kept(intent: IntentRow) -> tuple[PartialSignature, ...]:
    from vault.bitcoin.spend import PartialSignature

    try:
        rows: list[Any] = json.loads(intent.facts.get("partial", "[]"))
        return tuple(
            PartialSignature(int(number), bytes.fromhex(key), bytes.fromhex(signature))
            for number, key, signature in rows
        )
    except (ValueError, TypeError):
        raise PsbtError("bad_record", f"the signatures kept for {intent.client_id} do not read") from None


def _signed_inputs(verified: VerifiedSpend) -> list[int]:
    """How many inputs each cosigner has signed."""
    signed = [0] * len(verified.expected.descriptor.keys)
    for each in verified.partial:
        place = verified.inputs[each.input].place
        signed[next(key.cosigner for key in place.keys if key.key == each.key)] += 1
    return signed


def _due(desk: Desk, verified: VerifiedSpend, device: str) -> frozenset[tuple[int, ...]]:
    """The accounts of a device that are still to sign: no more than are needed."""
    fingerprint = desk.treasury.device(device).root_fingerprint
    signed = _signed_inputs(verified)
    ours = [
        key.path
        for number, key in enumerate(verified.expected.descriptor.keys)
        if key.fingerprint == fingerprint and signed[number] < len(verified.inputs)
    ]
    return frozenset(ours[: verified.missing])
