"""A typed data exchange with a device, step by step, in which a test may answer otherwise.

Works with Trezor's messages and with OneKey's own; every answer can be replaced by a hook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trezorlib import ethereum
from trezorlib import messages as m

from emulator.device.ethereum import onekey_messages as onekey

Hook = Callable[[Any], Any]
MAIL: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"},
        ],
    },
    "primaryType": "Mail",
    "domain": {"name": "Ether Mail", "chainId": 1},
    "message": {
        "from": {"name": "Cow", "wallet": "0xc0004B62C5A39a728e4Af5bee0c6B4a4E54b15ad"},
        "to": {"name": "Bob", "wallet": "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"},
        "contents": "Hello, Bob!",
    },
}


def single(kind: str, value: Any, **others: Any) -> dict[str, Any]:
    """A message of one member."""
    types = {"EIP712Domain": [], "M": [{"name": "x", "type": kind}], **others}
    return {"types": types, "primaryType": "M", "domain": {}, "message": {"x": value}}


MAX_STEPS = 1000


def field_type(kind: str, types: Any, *, own: bool) -> Any:
    """The wire form of a type's name, arrays of arrays included."""
    cls = onekey.EthereumFieldTypeOneKey if own else m.EthereumFieldType
    if kind.endswith("]"):
        entry, _, size = kind[:-1].rpartition("[")
        inner = field_type(entry, types, own=own)
        return cls(data_type=7, size=int(size) if size else None, entry_type=inner)
    stock = ethereum.get_field_type(kind, types)
    return cls(data_type=int(stock.data_type), size=stock.size, struct_name=stock.struct_name)


def struct_ack(members: Any, types: Any, *, own: bool) -> Any:
    """The answer that describes a struct."""
    member = onekey.EthereumStructMemberOneKey if own else m.EthereumStructMember
    ack = onekey.EthereumTypedDataStructAckOneKey if own else m.EthereumTypedDataStructAck
    return ack(members=[member(type=field_type(f["type"], types, own=own), name=f["name"]) for f in members])


def value_ack(value: bytes, *, own: bool) -> Any:
    """The answer that carries a value."""
    ack = onekey.EthereumTypedDataValueAckOneKey if own else m.EthereumTypedDataValueAck
    return ack(value=value)


@dataclass
class Exchange:
    """One request; `log` names what the device sent, `paths` the values it asked for."""

    session: Any
    data: Any
    own: bool = False
    on_struct: Hook = lambda _request: None
    on_value: Hook = lambda _request: None
    on_button: Hook = lambda _request: None
    options: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    structs: list[str] = field(default_factory=list)
    paths: list[tuple[int, ...]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def run(self, path: Any) -> Any:
        """The device's last answer: a signature or a Failure."""
        request = onekey.EthereumSignTypedDataOneKey if self.own else m.EthereumSignTypedData
        message = request(
            address_n=path,
            primary_type=self.data["primaryType"],
            metamask_v4_compat=self.options.get("v4", True),
            **{name: value for name, value in self.options.items() if name != "v4"},
        )
        with self.session:
            for _ in range(MAX_STEPS):
                answer = self.session.call_raw(message)
                self.log.append(type(answer).__name__.removesuffix("OneKey"))
                next_message = self._reply(answer)
                if next_message is None:
                    return answer
                message = next_message
        raise AssertionError("the exchange does not end")

    def _reply(self, answer: Any) -> Any:
        if isinstance(answer, m.ButtonRequest):
            self.codes.append(int(answer.code))
            return self.on_button(answer) or m.ButtonAck()
        if hasattr(answer, "member_path"):
            self.paths.append(tuple(answer.member_path))
            return self.on_value(answer) or value_ack(self._value(answer.member_path), own=self.own)
        if self.log[-1].endswith("StructRequest"):
            self.structs.append(answer.name)
            types = self.data["types"]
            return self.on_struct(answer) or struct_ack(types[answer.name], types, own=self.own)
        if isinstance(answer, onekey.EthereumGnosisSafeTxRequest):
            return self.data["safe"]
        return None

    def _value(self, path: Any) -> bytes:
        kind = "EIP712Domain" if path[0] == 0 else self.data["primaryType"]
        value = self.data["domain" if path[0] == 0 else "message"]
        for index in path[1:]:
            if isinstance(value, dict):
                member = self.data["types"][kind][index]
                kind, value = member["type"], value[member["name"]]
            else:
                kind, value = kind[: kind.rindex("[")], value[index]
        if isinstance(value, list):
            return len(value).to_bytes(2, "big")
        return value if isinstance(value, bytes) else bytes(ethereum.encode_data(value, kind))
