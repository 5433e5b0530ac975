"""What genuine firmware answers (recorded reference data): transactions, refusals, prompts.

Needs the reference data; skips without it. Left out are what the emulator does not do yet
(multisig, external inputs, replacement, payment requests, coinjoin) and cases in which the test
of the firmware plays a host or a person that the data does not describe.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from trezorlib import btc, exceptions, protobuf, protocol_v1
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.transport import get_transport

from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

NOT_YET = re.compile(
    "authorize_coinjoin|signtx_external|signtx_replacement|signtx_payreq|multisig|incorrect_.*_script_type"
)
NOT_IN_DATA = re.compile(
    "fee_cancel_from_amount|information_cancel|attack_change_outputs|attack_modify_change_address"
    "|attack_change_input_address|attack_script_type"
)


def cases(shared: Path, name: str) -> list[Any]:
    path = shared / "vectors" / "trezor" / name
    if not path.is_file():
        pytest.skip(f"no {name} in the reference data")
    found = json.loads(path.read_text())["cases"]
    return [case for case in found if not NOT_YET.search(case["id"])]


def play(device: DeviceEmulator, case: Any) -> tuple[bytes, list[Any]]:
    """Sign the case's transaction; (serialised transaction, messages the device sent)."""
    device.load_seed(case["mnemonic"])
    manifest = trezor_client.AppManifest("tests")
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=None, mapping=None)
    session = client.get_session(case["passphrase"])
    for setting in case["settings_before"]:
        level = m.SafetyCheckLevel[setting["kwargs"]["safety_checks"]]
        session.call(m.ApplySettings(safety_checks=level), expect=m.Success)
    replies: list[Any] = []
    read = client._read

    def recording(on_session: Any, timeout: float | None = None) -> Any:
        replies.append(read(on_session, timeout))
        return replies[-1]

    client._read = recording
    _, serialized = btc.sign_tx(
        session,
        case["coin"],
        [protobuf.dict_to_proto(m.TxInputType, txi) for txi in case["inputs"]],
        [protobuf.dict_to_proto(m.TxOutputType, txo) for txo in case["outputs"]],
        prev_txes={
            bytes.fromhex(tx_hash): protobuf.dict_to_proto(m.TransactionType, tx)
            for tx_hash, tx in case["prev_txes"].items()
        },
        **{k: m.AmountUnit[v] if isinstance(v, str) else v for k, v in case["kwargs"].items()},
    )
    return serialized, replies


def flow_of(replies: list[Any]) -> list[Any]:
    """Prompts and requests in the notation of the reference data."""
    flow: list[Any] = []
    for reply in replies:
        if isinstance(reply, m.ButtonRequest):
            flow.append({"code": reply.code.name})
            continue
        entry: dict[str, Any] = {"request_type": reply.request_type.name}
        details = {}
        if reply.details.request_index is not None:
            details["request_index"] = reply.details.request_index
        if reply.details.tx_hash:
            details["tx_hash"] = reply.details.tx_hash.hex()
        flow.append({**entry, "details": details} if details else entry)
    return flow


def expected_flow(case: Any) -> list[Any] | None:
    recorded = (case["message_flow"] or {}).get("T2T1")
    if not recorded or "attack" in case["id"]:
        return None
    pairs = [entry if isinstance(entry, list) else [True, entry] for entry in recorded]
    return [entry for shown, entry in pairs if shown]


def test_transactions_and_prompts_equal_the_firmwares_to_the_byte(shared_dir: Path) -> None:
    compared = flows = 0
    with DeviceEmulator(mode="auto") as device:
        for case in cases(shared_dir, "btc_signtx_expected.json"):
            if "fee_high_hardfail" in case["id"]:
                case["settings_before"] = [{"kwargs": {"safety_checks": "PromptTemporarily"}}]
            serialized, replies = play(device, case)
            assert serialized.hex() == case["expected_tx_hex"], case["id"]
            compared += 1
            flow = expected_flow(case)
            if flow is not None:
                assert flow_of(replies) == flow, case["id"]
                flows += 1
    assert compared >= 40
    assert flows >= 20


def test_what_the_firmware_refuses_is_refused_with_its_words(shared_dir: Path) -> None:
    refused = 0
    with DeviceEmulator(mode="auto") as device:
        for case in cases(shared_dir, "btc_signtx_negative.json"):
            if NOT_IN_DATA.search(case["id"]):
                continue
            with pytest.raises((exceptions.TrezorFailure, exceptions.Cancelled)) as caught:
                play(device, case)
            text = f"{caught.value.code.name}: {caught.value.message}"
            assert re.search(case["expect_failure_regex"] or "", text), (case["id"], text)
            refused += 1
    assert refused >= 30
