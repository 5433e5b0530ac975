"""Bitcoin vectors: signed transactions, refused ones, and single calls, through stock trezorlib."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trezorlib import btc
from trezorlib import messages as m

from tests.conformance import build
from tests.conformance.client import StepState
from tests.conformance.driver import SAID_BY_THE_DEVICE, Driver
from tests.conformance.naming import enum_name
from tests.conformance.scenario import Setup, Step
from tests.conformance.vector_coinjoin import session_for
from tests.conformance.vector_hosts import Behaviour, behaviour_of
from tests.conformance.vector_payreq import requests_of

Case = Mapping[str, Any]
# Whose message flow a device is held to.
FLOW_OF = {"T": "T2T1", "1": "T1B1"}
_CARRIED = re.compile(r"(\+sig\d+)?(\+ser)?$")
_HEX_ARGUMENTS = ("commitment_data",)
# Messages are text, but for the one whose test has bytes.
MESSAGE_IN_HEX = "t1 firmware path"


def setup_of(case: Case) -> Setup:
    """Seed and safety level of a case."""
    levels = [s["kwargs"]["safety_checks"] for s in case.get("settings_before", ())]
    return Setup(
        mnemonic=case["mnemonic"], passphrase=bool(case["passphrase"]), safety=levels[-1] if levels else None
    )


class Player:
    """One device; every case has a session of its own."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def call(self, setup: Setup, behaviour: Behaviour, play: Callable[[Any], Any]) -> Any:
        """What `play(session)` returns, or the exception it raised."""
        host = self.driver.host(setup)
        self.driver.state = StepState()
        session = host.session("")
        self.driver.state = StepState(Step(call="", params={}, hooks=behaviour.hooks, no_at=behaviour.no_at))
        try:
            return play(session)
        except Exception as error:  # noqa: BLE001 - the caller judges it
            self.driver.recover()
            return error

    def refusal(self, answer: Any) -> str:
        """ "Code: text" when the device refused, nothing when it did not."""
        failure = self.driver.state.failure
        if isinstance(answer, SAID_BY_THE_DEVICE) and failure is not None:
            return f"{enum_name(failure.code)}: {failure.message}"
        return ""

    @property
    def flow(self) -> tuple[str, ...]:
        """What the device sent, without what its requests carried."""
        return tuple(_CARRIED.sub("", entry) for entry in self.driver.state.log)


# Transactions


def _sign(player: Player, case: Case, behaviour: Behaviour) -> Any:
    options = {k: m.AmountUnit[v] if k == "amount_unit" and v else v for k, v in case["kwargs"].items()}

    def play(session: Any) -> bytes:
        if "payment_reqs" in options:
            options["payment_reqs"] = requests_of(session, case, keep=behaviour.keeps_payment_request)
        _, serialized = btc.sign_tx(
            session,
            case["coin"],
            [build.message(m.TxInputType, txi) for txi in case["inputs"]],
            [build.message(m.TxOutputType, txo) for txo in case["outputs"]],
            prev_txes={
                bytes.fromhex(tx_hash): build.message(m.TransactionType, tx)
                for tx_hash, tx in case["prev_txes"].items()
            },
            **options,
        )
        return bytes(serialized)

    return player.call(setup_of(case), behaviour, play)


def signed(player: Player, case: Case) -> str:
    """The difference of a transaction that has to be signed."""
    answer = _sign(player, case, Behaviour())
    if isinstance(answer, Exception):
        return f"not signed: {player.refusal(answer) or repr(answer)}"
    if answer.hex() != case["expected_tx_hex"]:
        return f"another transaction: {answer.hex()}"
    return ""


def refused(player: Player, case: Case) -> str:
    """The difference of a transaction that has to be refused, in the firmware's words."""
    answer = _sign(player, case, behaviour_of(case, refused=True))
    return _refusal_differs(player, answer, case["expect_failure_regex"])


def _refusal_differs(player: Player, answer: Any, pattern: str | None) -> str:
    refusal = player.refusal(answer)
    if not isinstance(answer, Exception):
        return "accepted"
    if not refusal:
        return f"not the device but the host gave up: {answer!r}"
    if not re.search(pattern or "", refusal):
        return f"expected {pattern!r}, got {refusal!r}"
    return ""


# Message flow


def expected_flow(case: Case, model: str, *, refused: bool) -> tuple[str, ...] | None:
    """The recorded flow when it is that of this outcome; None when the data has none."""
    recorded = (case["message_flow"] or {}).get(FLOW_OF[model])
    if not recorded:
        return None
    shown = [e[1] if isinstance(e, list) else e for e in recorded if not isinstance(e, list) or e[0]]
    flow = tuple(_entry(entry) for entry in shown)
    ends_in_failure = flow[-1].startswith("Failure")
    return flow if ends_in_failure == refused else None


def _entry(raw: Mapping[str, Any]) -> str:
    if not raw:
        return "Failure"
    if "$repr" in raw:
        return str(raw["$repr"]).rpartition(".")[2].rstrip("'>")
    if "code" in raw:
        code = str(raw["code"])
        kind = "ButtonRequest" if code in m.ButtonRequestType.__members__ else "Failure"
        return f"{kind}:{code}"
    details = raw.get("details", {})
    name = f"TxRequest:{raw['request_type']}"
    if "request_index" in details:
        name += f"/{details['request_index']}"
    return name + (f"@{details['tx_hash'][:8]}" if details.get("tx_hash") else "")


def flow_differs(player: Player, expected: Sequence[str]) -> str:
    """The first difference of the flow just played."""
    got = player.flow
    for number, (theirs, mine) in enumerate(zip(expected, got, strict=False)):
        if not mine.startswith(theirs):  # "Failure" alone stands for any code
            return f"message {number}: expected {theirs}, got {mine}"
    if len(expected) != len(got):
        return f"{len(expected)} messages expected, {len(got)} got"
    return ""


# Addresses, keys, messages


def single_call(player: Player, case: Case) -> str:
    """The difference of one call of `trezorlib.btc`.

    A case with both a result and a refusal is one that the person cancels: it is played both ways.
    """
    found = []
    if case["expected"]:
        answer = _call(player, case, Behaviour())
        if isinstance(answer, Exception):
            found.append(player.refusal(answer) or repr(answer))
        else:
            found += [_claim(answer, claim) for claim in case["expected"]]
    if case["expect_failure_regex"]:
        answer = _call(player, case, behaviour_of(case, refused=True))
        found.append(_refusal_differs(player, answer, case["expect_failure_regex"][0]))
    return "; ".join(filter(None, found))


def _call(player: Player, case: Case, behaviour: Behaviour) -> Any:
    function = getattr(btc, case["fn"].removeprefix("btc."))
    arguments = [_argument(number, value, case["fn"]) for number, value in enumerate(case["args"])]
    options = {key: _option(key, value) for key, value in case["kwargs"].items()}
    if MESSAGE_IN_HEX in case["id"]:
        options["message"] = bytes.fromhex(options["message"])

    def play(session: Any) -> Any:
        if options.get("preauthorized"):
            session = session_for(session, case)
        return function(session, *arguments, **options)

    return player.call(setup_of(case), behaviour, play)


def _argument(number: int, value: Any, function: str) -> Any:
    if isinstance(value, Mapping):
        return build.message(m.MultisigRedeemScriptType, value)
    if isinstance(value, str) and value in m.InputScriptType.__members__:
        return m.InputScriptType[value]
    if function == "btc.verify_message" and number == 2:
        return bytes.fromhex(value)
    return value


def _option(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "multisig":
        return build.message(m.MultisigRedeemScriptType, value)
    if name == "script_type":
        return m.InputScriptType[value]
    if name == "ownership_ids":
        return [bytes.fromhex(item) for item in value]
    return bytes.fromhex(value) if name in _HEX_ARGUMENTS else value


def _claim(answer: Any, claim: Mapping[str, Any]) -> str:
    """ "call[2].node.public_key.hex()" and the like, followed in the answer."""
    value = answer
    for part in re.findall(r"\.(\w+(?:\(\))?)", claim["ref"].partition("]")[2]):
        if part.isdigit():
            value = value[int(part)]
        elif part.endswith("()"):
            value = getattr(value, part.removesuffix("()"))()
        else:
            value = getattr(value, part)
    if claim["op"] == "truthy":
        return "" if bool(value) == claim["value"] else f"{claim['ref']} is {value!r}"
    return "" if value == claim["value"] else f"{claim['ref']}: expected {claim['value']}, got {value}"
