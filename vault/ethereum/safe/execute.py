"""execTransaction of a Safe: built from a plan's call and its owners' signatures, read back, and its outcome.

Refuses delegatecalls and refunds when it reads, whatever is not the bytes that we would write, and takes no
mined transaction for done whose inner call failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from vault.errors import SafeError
from vault.ethereum.safe.signatures import OwnerSignature, packed, require_quorum, unpacked
from vault.ethereum.safe.transaction import SafeTx, require_form, require_plain, safe_tx
from vault.evm.abi import Event, Parameter, Value, event, function
from vault.evm.address import ZERO_ADDRESS
from vault.evm.call import SafeCall
from vault.evm.hashing import keccak

EXEC: Final = function(
    "execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, "
    "uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) "
    "returns (bool)"
)
_NAMES: Final = tuple(each.name for each in EXEC.inputs)
_OUTCOMES: Final = {"ExecutionSuccess": "success", "ExecutionFailure": "failure"}
# Around the inner call: base cost, calldata, proxy, nonce, checks and events; then each signature.
_GAS_AROUND: Final = 70_000
_GAS_PER_SIGNATURE: Final = 10_000

Outcome = Literal["success", "failure", "absent"]


class Log(Protocol):
    """An event as a receipt has it."""

    @property
    def address(self) -> str: ...

    @property
    def topics(self) -> Sequence[bytes]: ...

    @property
    def data(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """An execTransaction that was read: operation CALL, no refund. `signatures` are not proven yet."""

    to: str
    value: int
    data: bytes
    signatures: bytes


def exec_data(chain_id: int, call: SafeCall, signatures: Iterable[OwnerSignature]) -> bytes:
    """The calldata of the outer transaction, of exactly the threshold. Raises what `require_quorum` does."""
    tx = safe_tx(chain_id, call)
    return _encode(tx, packed(require_quorum(chain_id, call, signatures)))


def dummy_exec_data(chain_id: int, call: SafeCall) -> bytes:
    """Calldata as long, and as hard to compress, whose signatures hold nowhere: to reckon what it costs."""
    digits = b"".join(keccak(at.to_bytes(2, "big")) for at in range(3 * call.threshold))
    return _encode(safe_tx(chain_id, call), digits[: 65 * call.threshold])


def gas_around(threshold: int) -> int:
    """An upper bound of the gas that execTransaction takes beside the inner call."""
    return _GAS_AROUND + _GAS_PER_SIGNATURE * threshold


def _encode(tx: SafeTx, signatures: bytes) -> bytes:
    return EXEC.encode(tx.to, tx.value, tx.data, 0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, signatures)


def is_exec(data: bytes) -> bool:
    """Whether calldata calls execTransaction."""
    return data[:4] == EXEC.selector


def read_exec(data: bytes) -> Execution:
    """Raises `SafeError` (``safe.delegatecall``, ``safe.refund``), `EthereumError` (``bad_calldata``)."""
    fields: dict[str, Value] = dict(zip(_NAMES, EXEC.decode(data), strict=True))
    require_plain(fields)
    to, value, inner, signatures = (fields[name] for name in ("to", "value", "data", "signatures"))
    if not (isinstance(to, str) and isinstance(value, int)):
        raise SafeError("bad_form", "expected an address and a value")
    if not (isinstance(inner, bytes) and isinstance(signatures, bytes)):
        raise SafeError("bad_form", "expected bytes")
    return Execution(to, value, inner, signatures)


def require_exec(data: bytes, chain_id: int, call: SafeCall) -> tuple[OwnerSignature, ...]:
    """The calldata is execTransaction of exactly this call, with a quorum that holds.

    What the signers saw is not in it: `exec_data` has judged that. Raises `SafeError`
    (``safe.altered``, what `unpacked` and `read_exec` do).
    """
    tx, found = safe_tx(chain_id, call), read_exec(data)
    if (tx.to, tx.value, tx.data) != (found.to, found.value, found.data):
        raise SafeError(
            "altered",
            f"execTransaction: expected {_said(tx)}, found {_said(found)}",
            hint="It is another call than the one the owners were asked for. Do not send it.",
        )
    return unpacked(found.signatures, chain_id, call)


def _said(call: SafeTx | Execution) -> str:
    return f"to {call.to}, value {call.value}, data 0x{call.data[:200].hex()}"


def inner_of(chain_id: int, safe: str, nonce: int, found: Execution) -> SafeTx:
    """The Safe transaction of an execution at a nonce, which execTransaction itself does not say."""
    tx = SafeTx(chain_id, safe, found.to, found.value, found.data, nonce)
    require_form(tx)
    return tx


def outcome(logs: Iterable[Log], safe: str, safe_tx_hash: bytes) -> Outcome:
    """What became of the inner call, by the Safe's own event for this very hash.

    1.3.0 has the hash in the data, 1.4.1 as a topic. Raises `SafeError` (``safe.bad_event``) for an event
    that is there twice or says both.
    """
    found: list[Outcome] = []
    for log in logs:
        for name, what in _OUTCOMES.items():
            if log.address != safe or not log.topics or log.topics[0] != _event(name, True).topic:
                continue
            digest, payment = _event(name, indexed=len(log.topics) > 1).decode(log.topics, log.data)
            if payment != 0:
                raise SafeError("bad_event", f"expected no refund of gas, found a payment of {payment!r}")
            if digest == safe_tx_hash:
                found.append("success" if what == "success" else "failure")
    if len(found) > 1:
        raise SafeError("bad_event", f"expected one outcome of 0x{safe_tx_hash.hex()}, found {len(found)}")
    return found[0] if found else "absent"


def _event(name: str, indexed: bool) -> Event:
    made = event(f"{name}(bytes32 txHash, uint256 payment)")
    first, second = made.inputs
    return Event(made.name, (Parameter(first.name, first.type, indexed), second))
