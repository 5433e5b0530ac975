"""Random EIP-712 messages, and a host that answers a device's questions about one from memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import strategies as st
from trezorlib import ethereum

from emulator.device.ethereum.typed.fields import Member, field_type_of
from emulator.device.ethereum.typed.host import TREZOR, Host
from emulator.device.ethereum.typed.rules import TypedDataRules

JsonData = dict[str, Any]
DOMAIN_MEMBERS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
    {"name": "salt", "type": "bytes32"},
]
MAX_STRUCTS = 4


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """JSON values of an atomic type."""
    if kind == "string":
        return st.text(max_size=40)
    if kind == "bool":
        return st.booleans()
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
    if kind.startswith("bytes"):
        size = int(kind[5:]) if kind != "bytes" else None
        return st.binary(min_size=size or 0, max_size=size or 80).map(lambda raw: f"0x{raw.hex()}")
    bits = int(kind.removeprefix("u").removeprefix("int"))
    if kind.startswith("uint"):
        return st.integers(0, 2**bits - 1)
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


ATOMS = st.one_of(
    st.sampled_from(["string", "bool", "address", "bytes"]),
    st.integers(1, 32).map(lambda n: f"bytes{n}"),
    st.integers(1, 32).map(lambda n: f"uint{8 * n}"),
    st.integers(1, 32).map(lambda n: f"int{8 * n}"),
)


def typed_values(kind: str, types: JsonData) -> st.SearchStrategy[Any]:
    """JSON values of any type."""
    if kind.endswith("]"):
        entry, _, length = kind[:-1].rpartition("[")
        size = int(length) if length else None
        low, high = (0, 3) if size is None else (size, size)
        return st.lists(typed_values(entry, types), min_size=low, max_size=high)
    if kind in types:
        return st.fixed_dictionaries(
            {member["name"]: typed_values(member["type"], types) for member in types[kind]}
        )
    return values_of(kind)


def reachable(types: JsonData, name: str) -> set[str]:
    """The struct types that one refers to, itself included."""
    found = {name}
    for member in types[name]:
        inner = member["type"].split("[")[0]
        if inner in types:
            found |= reachable(types, inner)
    return found


@st.composite
def typed_data(draw: st.DrawFn) -> JsonData:
    """A message of up to four struct types, none within itself."""
    count = draw(st.integers(1, MAX_STRUCTS))
    types: JsonData = {}
    for number in reversed(range(count)):
        inner = st.one_of(ATOMS, st.sampled_from(sorted(types))) if types else ATOMS
        array = st.tuples(inner, st.sampled_from(["[]", "[1]", "[3]"])).map("".join)
        kinds = draw(st.lists(st.one_of(inner, array), min_size=0 if number else 1, max_size=4))
        types[f"S{number}"] = [{"name": f"m{i}", "type": kind} for i, kind in enumerate(kinds)]
    types = {name: types[name] for name in sorted(reachable(types, "S0"))}
    types["EIP712Domain"] = [m for m in DOMAIN_MEMBERS if draw(st.booleans())]
    return {
        "types": types,
        "primaryType": "S0",
        "domain": draw(typed_values("EIP712Domain", types)),
        "message": draw(typed_values("S0", types)),
    }


class MemoryHost(Host):
    """Answers from a message in memory, as trezorlib's sign_typed_data does over the wire."""

    def __init__(self, data: JsonData, rules: TypedDataRules) -> None:
        super().__init__(cast(Any, None), TREZOR, rules)
        self._data = data
        self.asked: list[tuple[int, ...]] = []
        self.structs: list[str] = []

    def struct(self, name: str) -> tuple[Member, ...]:
        self.structs.append(name)
        types = self._data["types"]
        return tuple(
            Member(m["name"], field_type_of(ethereum.get_field_type(m["type"], types))) for m in types[name]
        )

    def _ask_value(self, path: Sequence[int]) -> bytes:
        self.asked.append(tuple(path))
        types = self._data["types"]
        kind = "EIP712Domain" if path[0] == 0 else self._data["primaryType"]
        value = self._data["domain" if path[0] == 0 else "message"]
        for index in path[1:]:
            if isinstance(value, dict):
                member = types[kind][index]
                kind, value = member["type"], value[member["name"]]
            else:
                kind, value = kind[: kind.rindex("[")], value[index]
        if isinstance(value, list):
            return len(value).to_bytes(2, "big")
        return bytes(ethereum.encode_data(value, kind))
