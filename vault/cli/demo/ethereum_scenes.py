"""The scenes of the Ethereum side: the Safe and its owners, and its transaction signed on devices apart.

Nothing here signs: the treasury asks one device after the other, and each is told with what it showed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vault.cli.demo import ethereum_stage
from vault.cli.demo.scenes import Scene
from vault.errors import BooksError
from vault.money import ETH, Amount
from vault.store import records
from vault.treasury import approve
from vault.treasury.ethereum.safes import SafeProgress, safe_progress

if TYPE_CHECKING:
    from emulator.world_client import WorldProcess
    from vault.cli.demo.watch import DeviceWatch
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

_COINS_FIRST: Final = "The bitcoin of the plan comes first."
_SAW_DATA: Final = "The device shows every field of the Safe's transaction; these are its hashes."
_SAW_HASHES: Final = (
    "This device can show hashes only, and two owners who saw only hashes are no quorum: the other one "
    "signs on a device of another make, which shows the data."
)
_EXECUTED: Final = "The owners' signatures are in its data; it can change nothing that they signed."


def the_safe(desk: Desk, when: str) -> Scene:
    """Who owns what, each address whole."""
    account = desk.treasury.account
    owners = [f"  {key.name:<14} {account(key.name).address}" for key in ethereum_stage.OWNERS]
    gas = account(ethereum_stage.GAS)
    deposit = desk.book().book.find(ethereum_stage.DEPOSIT_ENTRY)
    return Scene(
        when,
        f"A Safe on Ethereum, {ethereum_stage.THRESHOLD} of {len(owners)}",
        "USDC margin goes there and comes back from there. The chain was asked who owns it before it entered "
        "the address book. The account that pays its gas owns nothing of it.",
        lines=(
            f"safe             {account(ethereum_stage.SAFE).address}",
            *owners,
            f"gas paid by      {gas.address}",
            f"margin goes to   {deposit.address}",
        ),
    )


def most_gas(transfer: Transfer) -> str:
    """What a transaction may cost and which account pays it; empty where it is no call of ours."""
    if transfer.call is None:
        return ""
    return f"gas at most {Amount(ETH, transfer.call.max_gas_cost)}, paid by {transfer.call.account}"


def signed_apart(  # noqa: PLR0917
    when: str, desk: Desk, world: WorldProcess, watch: DeviceWatch, plan: Plan, transfer: Transfer
) -> Iterator[Scene]:
    """Owners sign the Safe's transaction one device after the other, then the account that pays the gas.

    Two owners who saw only hashes are no quorum: the second one then is who can show the data. A device that
    has both keys is asked for both at once, as is one with coins of the same plan.
    """
    asked: list[str] = []
    while (progress := _progress(desk, plan, transfer)).missing:
        device = _next(progress, world, asked)
        approve.sign(desk, plan, device)
        asked.append(device)
        yield _owner_signed(when, desk, watch, plan, transfer, device)
    if _step(desk, plan, transfer).state == "signing":
        payer = desk.treasury.account(transfer.ethereum.account)
        approve.sign(desk, plan, payer.device)
        yield Scene(
            when,
            f"The account that pays the gas signs, on {payer.device}",
            _EXECUTED,
            "good",
            lines=(f"txid {_step(desk, plan, transfer).facts['txid']}",),
            screens=watch.new(),
        )


def _owner_signed(  # noqa: PLR0917
    when: str, desk: Desk, watch: DeviceWatch, plan: Plan, transfer: Transfer, device: str
) -> Scene:
    progress, step = _progress(desk, plan, transfer), _step(desk, plan, transfer)
    owner = next(each for each in progress.owners if each.device == device)
    told = [_COINS_FIRST] if any(_of_wallet(desk, each, device) for each in plan.body.transfers) else []
    told.append(_SAW_DATA if owner.saw == "data" else _SAW_HASHES)
    lines = [
        f"domain hash  {progress.domain_hash}",
        f"message hash {progress.message_hash}",
        f"safeTxHash   {progress.safe_hash}",
    ]
    if step.state == "signed":
        told.append(f"{device} has the account that pays the gas too, and signs with it at once. {_EXECUTED}")
        lines.append(f"txid         {step.facts['txid']}")
    title = f"Owner {len(progress.done)} of {progress.threshold} signs for the Safe, on {device}"
    return Scene(when, title, " ".join(told), "good", lines=tuple(lines), screens=watch.new())


def _of_wallet(desk: Desk, transfer: Transfer, device: str) -> bool:
    """Whether a transfer spends coins that the device signs for."""
    return transfer.on_bitcoin and device in desk.treasury.wallet(transfer.source).signers


def _next(progress: SafeProgress, world: WorldProcess, asked: list[str]) -> str:
    """The next owner's device: of another persona while all that have signed were blind."""
    seen = any(each.saw == "data" for each in progress.done)
    blind = {world.device(each.device).persona for each in progress.done if not seen}
    for owner in progress.open:
        if owner.device not in asked and world.device(owner.device).persona not in blind:
            return owner.device
    raise BooksError("not_signed", f"{progress.missing} owners are missing, and no device is left")


def _progress(desk: Desk, plan: Plan, transfer: Transfer) -> SafeProgress:
    with desk.store.read() as connection:
        return safe_progress(desk, transfer, records.intents(connection, plan.plan_id))


def _step(desk: Desk, plan: Plan, transfer: Transfer) -> IntentRow:
    with desk.store.read() as connection:
        rows = records.intents(connection, plan.plan_id)
    return next(row for row in rows if (row.transfer, row.kind) == (transfer.number, "spend"))
