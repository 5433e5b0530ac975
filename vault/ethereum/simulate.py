"""What a call would do at a block, tried on a node and compared with the plan to the last wei.

With ``eth_simulateV1`` balances are read before and after it in one simulated block, and every event that
it emits must be a planned one; with ``eth_call`` alone only its answer is judged, and that is said.
Refuses reverts, tokens that answer false or take a fee, and every movement of ours that is not planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vault.errors import EthereumError
from vault.ethereum.chains import chain_of
from vault.ethereum.contracts import erc20
from vault.ethereum.decode import data_bytes
from vault.ethereum.reverts import revert_text
from vault.ethereum.token_checks import require_chain, require_passable
from vault.ethereum.tokens import Token, token_of
from vault.ethereum.verify import Expected, ExpectedCancel, ExpectedExact, ExpectedPayment, ExpectedRevoke
from vault.ethereum.view import BlockView, CallOutcome, CallRequest, EventLog
from vault.evm.call import EthereumCall
from vault.money import Asset

ETHER_LOGS: Final = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"  # ERC-7528: the coin as if it were a token
_TRUE: Final = (1).to_bytes(32, "big")
_UNSIMULATED: Final = (
    "this node has no eth_simulateV1: that nothing else moves was not simulated, only that the call succeeds"
)


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """`units` are base units, negative of what leaves."""

    address: str
    asset: Asset
    units: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """`full`: all balance changes were seen, and are exactly `changes`; else `warnings` say what was not."""

    block: int
    block_hash: str
    full: bool
    changes: tuple[BalanceChange, ...]
    gas_used: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Move:
    """A transfer as an event tells it; `place` is the token's address, or `ETHER_LOGS`."""

    place: str
    source: str
    target: str
    units: int


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is tried, who pays, and what the plan says of it. `safe`: its own events are its own matter."""

    request: CallRequest
    payer: str
    token: Token | None
    move: _Move | None
    spender: str | None = None
    safe: str | None = None


def simulate(
    view: BlockView, call: EthereumCall, expected: Expected, data: bytes | None = None
) -> Simulation:
    """Try a call that was verified. Of a Safe, what its owners sign is tried as coming from the Safe.

    With `data` (execTransaction, signed) the Safe's whole transaction is tried. Raises `EthereumError`:
    ``insufficient_funds``, ``simulation_failed``, ``simulation_differs``, ``token_takes_fee``,
    ``token_refuses``, ``no_code``, and where the node cannot simulate what `require_passable` raises.
    """
    require_chain(view, call.chain_id)
    trial = _trial(call, expected, data)
    if trial.token is not None and not view.code(trial.token.address):
        raise EthereumError(
            "no_code", f"expected {trial.token.asset} at {trial.token.address}, found nothing"
        )
    _require_funds(view, call)
    changes = _changes(call, trial)
    reads = _reads(trial)
    outcomes = view.simulate((*reads, trial.request, *reads))
    if outcomes is None:
        outcome = view.attempt(trial.request)
        _require_success(trial, outcome)
        _require_passing(view, trial)
        if data is not None:
            simulate(view, call, expected)  # what the token itself answers is not seen from outside the Safe
        return Simulation(view.number, view.block_hash, False, changes, outcome.gas_used, (_UNSIMULATED,))
    if len(outcomes) != 2 * len(reads) + 1:
        raise EthereumError("bad_answer", f"expected {2 * len(reads) + 1} outcomes, found {len(outcomes)}")
    before, outcome, after = outcomes[: len(reads)], outcomes[len(reads)], outcomes[len(reads) + 1 :]
    _require_success(trial, outcome)
    _require_success(trial, view.attempt(trial.request))  # of two nodes perhaps only one can simulate
    _require_moves(trial, outcome.logs)
    _require_balances(trial, _numbers(before), _numbers(after))
    return Simulation(view.number, view.block_hash, True, changes, outcome.gas_used)


def _trial(call: EthereumCall, expected: Expected, data: bytes | None) -> _Trial:
    inner = call.safe
    if inner is None:
        request = CallRequest(call.to, data_bytes(call.data), call.sender, call.value, call.gas_limit)
    elif data is None:
        request = CallRequest(inner.to, data_bytes(inner.data), inner.address, inner.value)
    else:
        request = CallRequest(call.to, data, call.sender, call.value, call.gas_limit)
    payer = expected.payer
    safe = inner.address if inner is not None and data is not None else None
    match expected:
        case ExpectedPayment(chain_id, _, amount, recipient):
            if amount.asset == chain_of(chain_id).coin:
                return _Trial(
                    request, payer, None, _Move(ETHER_LOGS, payer, recipient, amount.units), None, safe
                )
            token = token_of(chain_id, amount.asset)
            return _Trial(
                request, payer, token, _Move(token.address, payer, recipient, amount.units), None, safe
            )
        case ExpectedRevoke(chain_id, _, asset, spender):
            return _Trial(request, payer, token_of(chain_id, asset), None, spender, safe)
        case ExpectedCancel():
            # A Safe that calls itself tells of it.
            return _Trial(request, payer, None, None, None, payer if inner is not None else safe)
        case ExpectedExact(_, _, to, value, _):
            move = _Move(ETHER_LOGS, payer, to, value) if value else None
            return _Trial(request, payer, None, move, None, safe or payer)


def _require_funds(view: BlockView, call: EthereumCall) -> None:
    """The sender can pay its value and all of its gas, and a Safe its own call's value."""
    needs = [(call.sender, call.value + call.max_gas_cost, "its value and gas")]
    if call.safe is not None:
        needs.append((call.safe.address, call.safe.value, "its value"))
    for payer, needed, what in needs:
        found = view.balance(payer) if needed else 0
        if found < needed:
            raise EthereumError(
                "insufficient_funds",
                f"expected {needed} wei at {payer} for {what}, found {found}",
                hint="Send it ether first, or plan less.",
            )


def _changes(call: EthereumCall, trial: _Trial) -> tuple[BalanceChange, ...]:
    move = trial.move
    if move is None:
        return ()
    asset = chain_of(call.chain_id).coin if trial.token is None else trial.token.asset
    return (BalanceChange(move.source, asset, -move.units), BalanceChange(move.target, asset, move.units))


def _reads(trial: _Trial) -> tuple[CallRequest, ...]:
    """The views that are asked before and after: balances of both parties, or the allowance."""
    if trial.token is None:
        return ()
    if trial.move is not None:
        parties = (trial.move.source, trial.move.target)
        return tuple(CallRequest(trial.token.address, erc20.BALANCE_OF.encode(each)) for each in parties)
    return (CallRequest(trial.token.address, erc20.ALLOWANCE.encode(trial.payer, trial.spender or "")),)


def _numbers(outcomes: tuple[CallOutcome, ...]) -> tuple[int, ...]:
    for each in outcomes:
        if not each.succeeded or len(each.output) != 32:
            raise EthereumError("bad_answer", "expected a balance of 32 bytes, found something else")
    return tuple(int.from_bytes(each.output, "big") for each in outcomes)


def _require_success(trial: _Trial, outcome: CallOutcome) -> None:
    """It does not revert, and what it returns is what such a call returns when it worked."""
    if not outcome.succeeded:
        raise EthereumError(
            "simulation_failed",
            f"the call of {trial.request.to} would revert: {revert_text(outcome.output)}",
            hint="Sent as it is, it would cost its gas and move nothing.",
            revert=revert_text(outcome.output),
        )
    if trial.request.to == trial.safe:
        if outcome.output != _TRUE and trial.request.sender != trial.safe:
            raise EthereumError("simulation_failed", "the Safe would report that its call failed")
    elif trial.token is not None and outcome.output not in _answers(trial.token):
        raise EthereumError(
            "token_refuses",
            f"expected {trial.token.asset} to return true{' or nothing' * trial.token.returns_nothing}, "
            f"found {len(outcome.output)} bytes 0x{outcome.output[:32].hex()}",
        )


def _answers(token: Token) -> set[bytes]:
    """What says that it worked: true and nothing else, or of a token that is known for it nothing at all."""
    return {_TRUE, b""} if token.returns_nothing else {_TRUE}


def _require_passing(view: BlockView, trial: _Trial) -> None:
    if trial.token is not None and trial.move is not None:
        parties = (trial.move.source, trial.move.target)
        require_passable(view, trial.token, parties, trial.move.units)


def _require_moves(trial: _Trial, logs: tuple[EventLog, ...]) -> None:
    """The planned transfer happens once; nothing else of the payer's moves or may be taken."""
    seen: list[_Move] = []
    for log in logs:
        move = _move(log)
        if move is not None and trial.payer in {move.source, move.target}:
            seen.append(move)
        elif not _is_harmless(trial, log):
            raise _differs(f"an event of {log.address} that is not planned")
    planned = [] if trial.move is None else [trial.move]
    if seen == planned:
        return
    if trial.token is not None and trial.move is not None and _skims(trial.move, seen):
        raise _takes_fee(trial.token, "a part of it goes elsewhere")
    raise _differs(
        f"expected {_texts(planned)}, found {_texts(seen)}",
    )


def _move(log: EventLog) -> _Move | None:
    try:
        source, target, units = erc20.TRANSFER_EVENT.decode(log.topics, log.data)
    except EthereumError:
        return None
    return _Move(log.address, str(source), str(target), int(str(units)))


def _is_harmless(trial: _Trial, log: EventLog) -> bool:
    """Events of the Safe that executes, of a recipient of ether, and of an allowance that becomes zero."""
    if trial.safe is not None and log.address == trial.safe:
        return True
    if trial.token is not None:
        if log.address != trial.token.address:
            return False
        try:
            found = erc20.APPROVAL_EVENT.decode(log.topics, log.data)
        except EthereumError:
            return False
        return found == (trial.payer, trial.spender, 0)
    target = None if trial.move is None else trial.move.target
    move = _move(log)
    # A recipient that is a contract may say that it was paid, and pass on what is now its own.
    return log.address == target or (move is not None and move.source == target)


def _skims(planned: _Move, seen: list[_Move]) -> bool:
    ours = [each for each in seen if each.place == planned.place and each.source == planned.source]
    return any(each.target == planned.target and each.units < planned.units for each in ours)


def _require_balances(trial: _Trial, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    move, token = trial.move, trial.token
    if token is None:
        return
    if move is None:
        if after != (0,):
            raise _differs(f"expected an allowance of zero, found {after[0]}")
        return
    left, came = before[0] - after[0], after[1] - before[1]
    if left == move.units and came < move.units:
        raise _takes_fee(token, f"{move.units} leave, {came} arrive")
    if (left, came) != (move.units, move.units):
        raise _differs(f"expected {move.units} base units to move, found {left} leaving and {came} arriving")


def _texts(moves: list[_Move]) -> str:
    return "; ".join(f"{m.units} of {m.place} from {m.source} to {m.target}" for m in moves) or "no transfer"


def _takes_fee(token: Token, what: str) -> EthereumError:
    return EthereumError(
        "token_takes_fee",
        f"{token.asset} takes a fee: {what}",
        hint="The recipient would be paid too little. Nothing is sent until it takes none.",
    )


def _differs(what: str) -> EthereumError:
    return EthereumError(
        "simulation_differs",
        f"tried on the chain, it does something else than planned: {what}",
        hint="Do not sign. Find out first what the contract does.",
    )
