"""Display formats: which function of which contracts, its parameters, and the lines to show.

Built-in ones are in `builtin`; others come from the host, signed like any definition.
"""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib import messages
from trezorlib.messages import EthereumERC7730ContainerPath as ContainerPath
from trezorlib.messages import EthereumERC7730FieldFormatterType as Kind

from ...protocol.proto import Message
from ..call import SELECTOR_LENGTH
from ..definitions import decode_definition
from ..rules import EthereumRules
from . import abi, fields
from .errors import InvalidFormat
from .fields import Format, Path

_CONTAINERS = {
    ContainerPath.FROM: fields.SENDER,
    ContainerPath.VALUE: fields.VALUE,
    ContainerPath.TO: fields.RECIPIENT,
}
_PLAIN: dict[Kind, Format] = {
    Kind.FORMATTER_ADDRESS_NAME: fields.address_name,
    Kind.FORMATTER_AMOUNT: fields.amount,
    Kind.FORMATTER_RAW: fields.raw,
    Kind.FORMATTER_DATE: fields.date,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One line: its label, where its value is and how it is written."""

    label: str
    path: Path
    format: Format


@dataclass(frozen=True, slots=True)
class DisplayFormat:
    """How calls of one function are shown; `contracts` None: of any contract."""

    selector: bytes
    intent: str
    parameters: tuple[abi.Type, ...]
    fields: tuple[Field, ...]
    provider: str | None = None
    contracts: frozenset[tuple[int, bytes]] | None = None

    def matches(self, selector: bytes, chain_id: int, address: bytes) -> bool:
        """Whether this is the format of that function of that contract."""
        bound = self.contracts is None or (chain_id, bytes(address)) in self.contracts
        return self.selector == selector and bound


def _path_of(info: Message) -> Path:
    if info.container_path is not None:
        return _CONTAINERS[info.container_path]
    if info.const_value is not None:
        return fields.Literal(info.const_value)
    steps: list[fields.Step] = list(info.path)
    if info.slice_end is not None:
        steps.append((info.slice_start or 0, info.slice_end))
    elif info.slice_start is not None:
        steps.append((info.slice_start, None))
    return tuple(steps)


def _token_amount(info: Message) -> Format:
    return fields.TokenAmount(
        token_path=None if info.token_path is None else _path_of(info.token_path),
        fixed_token=None if info.const_token_address is None else bytes(info.const_token_address),
        threshold=None if info.threshold is None else int.from_bytes(info.threshold, "big"),
    )


def _subcall(info: Message) -> Format:
    selector = None if info.selector is None else bytes(info.selector)
    if info.callee_path is None or (selector is not None and len(selector) != SELECTOR_LENGTH):
        raise InvalidFormat
    return fields.Subcall(_path_of(info.callee_path), selector)


def _choice(info: Message) -> Format:
    words = {entry.key: entry.value for entry in info.enum_values}
    if not words or len(words) != len(info.enum_values):
        raise InvalidFormat
    return fields.Choice(words)


def _unit(info: Message) -> Format:
    return fields.Unit(info.decimals or 0, info.base or "", bool(info.prefix))


_COMPOSED = {
    Kind.FORMATTER_TOKEN_AMOUNT: _token_amount,
    Kind.FORMATTER_UNIT: _unit,
    Kind.FORMATTER_CALLDATA: _subcall,
    Kind.FORMATTER_ENUM: _choice,
}


def _field_of(info: Message) -> Field:
    plain = _PLAIN.get(info.formatter)
    return Field(info.label, _path_of(info.path), plain or _COMPOSED[info.formatter](info))


def decode_format(rules: EthereumRules, encoded: bytes) -> DisplayFormat:
    """The format a host brings. Raises DataError for a bad definition, InvalidFormat for its content."""
    info = decode_definition(rules, encoded, messages.EthereumDisplayFormatInfo)
    return DisplayFormat(
        selector=bytes(info.func_sig),
        intent=info.intent,
        parameters=tuple(abi.type_of(parameter) for parameter in info.parameter_definitions),
        fields=tuple(_field_of(field) for field in info.field_definitions),
        provider=info.provider_name,
        contracts=frozenset({(info.chain_id, bytes(info.address))}),
    )
