"""Hosts that attack and persons that refuse: what the vectors' tests do beside the data they hold.

Written from what the firmware's own tests describe (trezor-firmware, tests/device_tests/bitcoin):
the data has inputs and outputs, but not who alters what on the way, nor who presses NO.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.scenario import Hook

MANY = 12  # more often than a device asks for the same thing


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Hooks of the host, and the question at which the person says NO."""

    hooks: tuple[Hook, ...] = ()
    no_at: int | None = None
    keeps_payment_request: bool = False  # its signature is not to be made good


def _times(req: str, which: range, changes: Mapping[str, Any]) -> tuple[Hook, ...]:
    return tuple(Hook(on="TxAck", req=req, nth=number, set=changes) for number in which)


def _prev_hash(case: Mapping[str, Any]) -> Behaviour:
    """The previous transaction's hash has another length when it is asked for again."""
    text = case["id"].partition("[")[2].rstrip("]")
    return Behaviour(_times("TXINPUT/0", range(2, MANY), {"tx.inputs.0.prev_hash": text.encode().hex()}))


def _multisig_input(case: Mapping[str, Any]) -> Behaviour:
    """A single-key input is shown as multisig until it is signed, to pass off a change output."""
    multisig = case["outputs"][1]["multisig"]
    return Behaviour(_times("TXINPUT/0", range(1, 4), {"tx.inputs.0.multisig": multisig}))


def _taproot_at_first() -> Behaviour:
    """Segwit inputs are shown as taproot, one with a lower amount, until the second is signed."""
    taproot = {"tx.inputs.0.script_type": "SPENDTAPROOT"}
    first = {**taproot, "tx.inputs.0.address_n": "m/86h/1h/0h/1/0"}
    second = {**taproot, "tx.inputs.0.address_n": "m/86h/1h/1h/0/0", "tx.inputs.0.amount": 10_000}
    return Behaviour(_times("TXINPUT/0", range(1, 4), first) + _times("TXINPUT/1", range(1, 3), second))


_FIXED = {
    "test_signtx.py::test_attack_change_outputs": Behaviour(
        _times("TXOUTPUT/1", range(2, MANY), {"tx.outputs.0.amount": 9_999_999})
    ),
    "test_signtx.py::test_attack_modify_change_address": Behaviour(
        _times(
            "TXOUTPUT/1",
            range(2, MANY),
            {"tx.outputs.0.address_n": [], "tx.outputs.0.address": "mwue7mokpBRAsJtHqEMcRPanYBmsSmYKvY"},
        )
    ),
    "test_signtx.py::test_attack_change_input_address": Behaviour(
        _times("TXINPUT/0", range(3, MANY), {"tx.inputs.0.address_n": "m/44h/1h/12h/0/0"})
    ),
    "test_signtx_segwit.py::test_attack_change_input_address": Behaviour(
        _times("TXINPUT/0", range(1, 3), {"tx.inputs.0.address_n": "m/49h/1h/12h/1/0"})
    ),
    "test_signtx_taproot.py::test_attack_script_type": _taproot_at_first(),
    # NO to the amount: the second question of an output.
    "test_signtx.py::test_one_one_fee_cancel_from_amount": Behaviour(no_at=2),
    # NO to the total, after a look at the details.
    "test_signtx.py::test_information_cancel": Behaviour(no_at=3),
    "test_signtx_payreq.py::test_payment_req_wrong_output": Behaviour(keeps_payment_request=True),
    "test_getaddress_show.py::test_show_cancel": Behaviour(no_at=1),
    "test_getpublickey.py::test_get_public_node_cancel_show": Behaviour(no_at=1),
    "test_signmessage.py::test_signmessage_info": Behaviour(no_at=1),
}
_FROM_CASE = {
    "test_signtx_prevhash.py::test_invalid_prev_hash_attack": _prev_hash,
    "test_multisig.py::test_attack_change_input": _multisig_input,
}


def behaviour_of(case: Mapping[str, Any], *, refused: bool) -> Behaviour:
    """What host and person do in a case that must be refused; in all others they are honest."""
    if not refused:
        return Behaviour()
    name = case["id"].removeprefix("bitcoin/").partition("[")[0]
    if name in _FROM_CASE:
        return _FROM_CASE[name](case)
    return _FIXED.get(name, Behaviour())
