"""The calls a step may make: stock trezorlib functions, and what of their results is compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trezorlib import btc, ethereum, protobuf, tools
from trezorlib import messages as m

from tests.conformance import build

# The rest of Features is identity and versions.
COMPARED_FEATURES = ("initialized", "pin_protection", "passphrase_protection", "label", "unlocked")

Params = Mapping[str, Any]
Result = dict[str, Any]


@dataclass
class Host:
    """The client of one scenario and the sessions it has opened."""

    client: Any
    sessions: dict[str, Any] = field(default_factory=dict)

    def session(self, name: str) -> Any:
        if name == "none":
            return self.client.get_session(None)
        if not name and not self.sessions.get(""):
            self.sessions[""] = self.client.get_session("")
        return self.sessions[name]


def _features(features: Any) -> Result:
    values = protobuf.to_dict(features)
    return {name: values.get(name) for name in COMPARED_FEATURES}


def _node(answer: Any) -> Result:
    node = answer.node
    return {
        "xpub": answer.xpub,
        "public_key": node.public_key.hex(),
        "chain_code": node.chain_code.hex(),
        "depth": node.depth,
        "child_num": node.child_num,
        "fingerprint": node.fingerprint,
    }


def _signed(answer: Any) -> Result:
    return {"address": answer.address, "signature": answer.signature.hex()}


def _script_type(params: Params) -> Any:
    return m.InputScriptType[params.get("script") or "SPENDADDRESS"]


# Bitcoin


def _get_features(_host: Host, session: Any, _params: Params) -> Result:
    return _features(session.call(m.GetFeatures(), expect=m.Features))


def _get_public_node(_host: Host, session: Any, params: Params) -> Result:
    return _node(
        btc.get_public_node(
            session,
            tools.parse_path(params["path"]),
            ecdsa_curve_name=params.get("curve"),
            show_display=params.get("show", False),
            coin_name=params.get("coin"),
            script_type=_script_type(params),
            ignore_xpub_magic=params.get("ignore_xpub_magic", False),
        )
    )


def _get_address(_host: Host, session: Any, params: Params) -> Result:
    multisig = params.get("multisig")
    answer = btc.get_authenticated_address(
        session,
        params["coin"],
        tools.parse_path(params["path"]),
        show_display=params.get("show", False),
        multisig=build.message(m.MultisigRedeemScriptType, multisig) if multisig else None,
        script_type=_script_type(params),
        ignore_xpub_magic=params.get("ignore_xpub_magic", False),
    )
    return {"address": answer.address}


def _sign_message(_host: Host, session: Any, params: Params) -> Result:
    path = tools.parse_path(params["path"])
    text = bytes.fromhex(params["message"])
    return _signed(btc.sign_message(session, params["coin"], path, text, script_type=_script_type(params)))


def _verify_message(_host: Host, session: Any, params: Params) -> Result:
    request = m.VerifyMessage(
        address=params["address"],
        signature=bytes.fromhex(params["signature"]),
        message=bytes.fromhex(params["message"]),
        coin_name=params["coin"],
    )
    session.call(request, expect=m.Success)
    return {"valid": True}


def _sign_tx(_host: Host, session: Any, params: Params) -> Result:
    signatures, serialized = btc.sign_tx(
        session,
        params["coin"],
        [build.message(m.TxInputType, txi) for txi in params["inputs"]],
        [build.message(m.TxOutputType, txo) for txo in params["outputs"]],
        prev_txes={
            bytes.fromhex(tx_hash): build.message(m.TransactionType, tx)
            for tx_hash, tx in params.get("prev_txes", {}).items()
        },
        **params.get("details", {}),
    )
    return {
        "signatures": [signature.hex() if signature else None for signature in signatures],
        "serialized_tx": serialized.hex(),
    }


# Ethereum


def _eth_get_address(_host: Host, session: Any, params: Params) -> Result:
    path = tools.parse_path(params["path"])
    shown = params.get("show", False)
    return {"address": ethereum.get_authenticated_address(session, path, show_display=shown).address}


def _eth_get_public_node(_host: Host, session: Any, params: Params) -> Result:
    return _node(
        ethereum.get_public_node(session, tools.parse_path(params["path"]), params.get("show", False))
    )


def _eth_common(params: Params) -> dict[str, Any]:
    return {
        "n": tools.parse_path(params["path"]),
        "nonce": int(params["nonce"], 16),
        "gas_limit": int(params["gas_limit"], 16),
        "to": params["to"],
        "value": int(params["value"], 16),
        "data": bytes.fromhex(params.get("data", "")),
        "chain_id": params["chain_id"],
    }


def _vrs(answer: tuple[int, bytes, bytes]) -> Result:
    v, r, s = answer
    return {"v": v, "r": r.hex(), "s": s.hex()}


def _eth_sign_tx(_host: Host, session: Any, params: Params) -> Result:
    price = int(params["gas_price"], 16)
    tx_type = params.get("tx_type")
    return _vrs(ethereum.sign_tx(session, gas_price=price, tx_type=tx_type, **_eth_common(params)))


def _eth_sign_tx_eip1559(_host: Host, session: Any, params: Params) -> Result:
    return _vrs(
        ethereum.sign_tx_eip1559(
            session,
            max_gas_fee=int(params["max_gas_fee"], 16),
            max_priority_fee=int(params["max_priority_fee"], 16),
            access_list=[build.message(m.EthereumAccessList, item) for item in params.get("access_list", ())],
            **_eth_common(params),
        )
    )


def _eth_sign_message(_host: Host, session: Any, params: Params) -> Result:
    path = tools.parse_path(params["path"])
    return _signed(ethereum.sign_message(session, path, bytes.fromhex(params["message"])))


def _eth_verify_message(_host: Host, session: Any, params: Params) -> Result:
    request = m.EthereumVerifyMessage(
        address=params["address"],
        signature=bytes.fromhex(params["signature"]),
        message=bytes.fromhex(params["message"]),
    )
    session.call(request, expect=m.Success)
    return {"valid": True}


def _eth_sign_typed_hash(_host: Host, session: Any, params: Params) -> Result:
    message_hash = params.get("message_hash")
    return _signed(
        ethereum.sign_typed_data_hash(
            session,
            tools.parse_path(params["path"]),
            bytes.fromhex(params["domain_hash"]),
            None if message_hash is None else bytes.fromhex(message_hash),
        )
    )


def _eth_sign_typed_data(_host: Host, session: Any, params: Params) -> Result:
    data = json.loads(json.dumps(params["data"]))  # trezorlib alters what it is given
    path = tools.parse_path(params["path"])
    v4 = params.get("metamask_v4_compat", True)
    return _signed(ethereum.sign_typed_data(session, path, data, metamask_v4_compat=v4))


# Sessions and management


def _open_session(host: Host, _session: Any, params: Params) -> Result:
    session = host.client.get_session(params["passphrase"])
    host.sessions[params["name"]] = session
    return {"root_fingerprint": session.get_root_fingerprint().hex(), "id_length": len(session.id)}


def _close_session(_host: Host, session: Any, _params: Params) -> Result:
    session.call(m.EndSession(), expect=m.Success)
    return {}


def _raw(host: Host, session: Any, params: Params) -> Result:
    """Any one message, and whatever comes back for it."""
    fields = dict(params.get("fields", {}))
    if params.get("session_id_of"):
        fields["session_id"] = host.sessions[params["session_id_of"]].id.hex()
    reply = session.call(build.named({"message": params["message"], "fields": fields}))
    if isinstance(reply, m.Features):
        result = _features(reply)
        if params["message"] == "Initialize":
            asked = fields.get("session_id")
            given = reply.session_id.hex() if reply.session_id else None
            result["resumed"] = bool(asked) and asked == given
            result["session_id_length"] = len(given) // 2 if given else 0
        return result
    if isinstance(reply, (m.PublicKey, m.EthereumPublicKey)):
        return _node(reply)
    return {"message": type(reply).__name__, **protobuf.to_dict(reply)}


def _apply_settings(_host: Host, session: Any, params: Params) -> Result:
    session.call(build.message(m.ApplySettings, params), expect=m.Success)
    return {}


def _change_pin(_host: Host, session: Any, params: Params) -> Result:
    session.call(m.ChangePin(remove=params.get("remove", False)), expect=m.Success)
    return {}


def _lock(_host: Host, session: Any, _params: Params) -> Result:
    session.call(m.LockDevice(), expect=m.Success)
    return {}


def _wipe(host: Host, session: Any, _params: Params) -> Result:
    session.call(m.WipeDevice(), expect=m.Success)
    host.client.forget()
    host.sessions.clear()
    return {}


def _load(host: Host, session: Any, params: Params) -> Result:
    session.call(build.message(m.LoadDevice, params), expect=m.Success)
    host.client.refresh_features()
    return {}


CALLS: dict[str, Callable[[Host, Any, Params], Result]] = {
    "get_features": _get_features,
    "get_public_node": _get_public_node,
    "get_address": _get_address,
    "sign_message": _sign_message,
    "verify_message": _verify_message,
    "sign_tx": _sign_tx,
    "eth_get_address": _eth_get_address,
    "eth_get_public_node": _eth_get_public_node,
    "eth_sign_tx": _eth_sign_tx,
    "eth_sign_tx_eip1559": _eth_sign_tx_eip1559,
    "eth_sign_message": _eth_sign_message,
    "eth_verify_message": _eth_verify_message,
    "eth_sign_typed_hash": _eth_sign_typed_hash,
    "eth_sign_typed_data": _eth_sign_typed_data,
    "open_session": _open_session,
    "close_session": _close_session,
    "raw": _raw,
    "apply_settings": _apply_settings,
    "change_pin": _change_pin,
    "lock": _lock,
    "wipe": _wipe,
    "load": _load,
}
