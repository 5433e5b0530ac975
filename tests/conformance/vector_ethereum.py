"""Ethereum vectors (trezor-firmware, common/tests/fixtures/ethereum), through stock trezorlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from trezorlib import cosi, definitions, ethereum, protobuf, tools
from trezorlib import messages as m
from trezorlib.testing.common import PRIVATE_KEYS_DEV

from tests.conformance import vector_eip7702
from tests.conformance.scenario import Setup
from tests.conformance.vector_bitcoin import Player
from tests.conformance.vector_hosts import Behaviour

Parameters = Mapping[str, Any]
SIGNERS = 2  # of the development keys, as many as a definition's signature needs


def network_definition(chain_id: int, slip44: int) -> bytes:
    """A network made up and signed with the keys that development builds accept.

    The vectors are about signatures, and most networks are not built in. Form: magic, type, time,
    message, proof, signature (trezorlib.definitions).
    """
    body = io.BytesIO()
    name = {"symbol": "FAKE", "name": "Fake network"}
    protobuf.dump_message(body, m.EthereumNetworkInfo(chain_id=chain_id, slip44=slip44, **name))
    payload = definitions.DefinitionPayload(
        magic=b"trzd1",
        data_type=m.DefinitionType.ETHEREUM_NETWORK,
        timestamp=0xFFFF_FFFF,
        data=body.getvalue(),
    ).build()
    digest = sha256(b"\x00" + payload).digest()
    signature = cosi.sign_with_privkeys(digest, PRIVATE_KEYS_DEV[:SIGNERS])
    return bytes(payload + b"\x00" + bytes([(1 << SIGNERS) - 1]) + signature)


def _definitions(parameters: Parameters) -> Any:
    if not parameters.get("fake_defs", True):
        return m.EthereumDefinitions()
    slip44 = tools.unharden(tools.parse_path(parameters["path"])[1])
    return m.EthereumDefinitions(encoded_network=network_definition(parameters["chain_id"], slip44))


def _common(parameters: Parameters) -> dict[str, Any]:
    return {
        "n": tools.parse_path(parameters["path"]),
        "nonce": int(parameters["nonce"], 16),
        "gas_limit": int(parameters["gas_limit"], 16),
        "to": parameters["to_address"],
        "chain_id": parameters["chain_id"],
        "value": int(parameters["value"], 16),
        "data": bytes.fromhex(parameters["data"]),
    }


def _vrs(answer: tuple[int, bytes, bytes]) -> dict[str, Any]:
    v, r, s = answer
    return {"sig_v": v, "sig_r": r.hex(), "sig_s": s.hex()}


def _sign_tx(session: Any, parameters: Parameters, *, defined: bool = True) -> dict[str, Any]:
    return _vrs(
        ethereum.sign_tx(
            session,
            gas_price=int(parameters["gas_price"], 16),
            tx_type=parameters["tx_type"],
            definitions=_definitions(parameters) if defined else None,
            **_common(parameters),
        )
    )


def _sign_tx_built_in(session: Any, parameters: Parameters) -> dict[str, Any]:
    return _sign_tx(session, parameters, defined=False)


def _sign_eip1559(session: Any, parameters: Parameters, *, defined: bool = True) -> dict[str, Any]:
    return _vrs(
        ethereum.sign_tx_eip1559(
            session,
            max_gas_fee=int(parameters["max_gas_fee"], 16),
            max_priority_fee=int(parameters["max_priority_fee"], 16),
            definitions=_definitions(parameters) if defined else None,
            **_common(parameters),
        )
    )


def _sign_eip1559_built_in(session: Any, parameters: Parameters) -> dict[str, Any]:
    return _sign_eip1559(session, parameters, defined=False)


def _get_address(session: Any, parameters: Parameters) -> dict[str, Any]:
    path = tools.parse_path(parameters["path"])
    return {"address": ethereum.get_address(session, path, show_display=True)}


def _get_public_node(session: Any, parameters: Parameters) -> dict[str, Any]:
    answer = ethereum.get_public_node(session, tools.parse_path(parameters["path"]))
    node = answer.node
    return {
        "fingerprint": node.fingerprint,
        "child_num": node.child_num,
        "chain_code": node.chain_code.hex(),
        "public_key": node.public_key.hex(),
        "xpub": answer.xpub,
    }


def _sign_message(session: Any, parameters: Parameters) -> dict[str, Any]:
    answer = ethereum.sign_message(session, tools.parse_path(parameters["path"]), parameters["msg"])
    return {"address": answer.address, "sig": answer.signature.hex()}


def _verify_message(session: Any, parameters: Parameters) -> dict[str, Any]:
    signature = bytes.fromhex(parameters["sig"])
    good = ethereum.verify_message(session, parameters["address"], signature, parameters["msg"])
    return {} if good else {"verified": False}


def _sign_typed_data(session: Any, parameters: Parameters) -> dict[str, Any]:
    shown = parameters.get("show_message_hash")
    answer = ethereum.sign_typed_data(
        session,
        tools.parse_path(parameters["path"]),
        parameters["data"],
        metamask_v4_compat=parameters["metamask_v4_compat"],
        show_message_hash=None if shown is None else ethereum.decode_hex(shown),
    )
    return {"address": answer.address, "sig": f"0x{answer.signature.hex()}"}


def _authorise(session: Any, parameters: Parameters) -> dict[str, Any]:
    slip44 = tools.unharden(tools.parse_path(parameters["path"])[1])
    return vector_eip7702.authorise(session, parameters, network_definition(parameters["chain_id"], slip44))


PLAYERS: dict[str, Callable[[Any, Parameters], dict[str, Any]]] = {
    "getaddress": _get_address,
    "getpublickey": _get_public_node,
    "sign_auth_eip7702": _authorise,
    "sign_auth_eip7702_errors": vector_eip7702.refused,
    "sign_tx": _sign_tx,
    "sign_tx_clear_signing": _sign_tx,
    "sign_tx_eip155": _sign_tx,
    "sign_tx_eip1559": _sign_eip1559,
    "sign_tx_eip7702_mainnet": vector_eip7702.mainnet,
    "sign_tx_erc20": _sign_tx,
    "sign_tx_error": _sign_tx_built_in,
    "sign_tx_external_definitions": _sign_tx,
    "sign_tx_staking": _sign_tx_built_in,
    "sign_tx_staking_data_error": _sign_tx_built_in,
    "sign_tx_staking_eip1559": _sign_eip1559_built_in,
    "sign_typed_data": _sign_typed_data,
    "signmessage": _sign_message,
    "verifymessage": _verify_message,
}


def is_error_file(name: str) -> bool:
    return "error" in name


def case_id(name: str, number: int, test: Mapping[str, Any]) -> str:
    return f"ethereum/{name}/{number} {test.get('name', '')}".rstrip()


def differs(player: Player, name: str, setup: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    """The difference of one fixture."""
    device = Setup(mnemonic=setup["mnemonic"], passphrase=bool(setup["passphrase"]))
    play = PLAYERS[name]
    answer = player.call(device, Behaviour(), lambda session: play(session, test["parameters"]))
    refusal = player.refusal(answer)
    if "7702" in name:
        player.driver.forget_setup()  # they change settings
    if is_error_file(name):
        if not isinstance(answer, Exception):
            return "accepted"
        wanted = test["result"].get("error", "DataError")
        return "" if refusal.startswith(wanted) else f"expected {wanted}, got {refusal or repr(answer)}"
    if isinstance(answer, Exception):
        return refusal or repr(answer)
    wrong = {key: value for key, value in test["result"].items() if answer.get(key) != value}
    if wrong or set(answer) - set(test["result"]):
        return f"expected {test['result']}, got {answer}"
    return ""
