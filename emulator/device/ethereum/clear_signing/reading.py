"""Reads a call with its display format into lines, asking the host for what is not built in.

A call inside a call is spelled out one level deep; what cannot be is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from trezorlib import messages

from ...errors import DataError, FirmwareError
from ...flow import Flow
from ..address import ADDRESS_LENGTH, checksum_address
from ..call import SELECTOR_LENGTH, Call
from ..definitions import Definitions, Hints, definitions_for
from ..networks import UNKNOWN_TOKEN, Token
from ..paths import account_label
from . import fields
from .abi import Value, read_parameters
from .builtin import built_in_formats
from .contracts import contract_name
from .errors import ClearSigningFailed, InvalidFormat
from .fields import Container, Literal, Path, Shown, Subcall, Surroundings
from .formats import DisplayFormat, Field, decode_format


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a label and a value."""

    label: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class Reading:
    """Parameters and lines of a call."""

    parameters: list[Value]
    rows: list[Row]


class Reader:
    """Reads the calls of one transaction."""

    def __init__(self, flow: Flow, call: Call) -> None:
        self._flow = flow
        self._call = call
        self._definitions = call.wallet.definitions

    # What the host may bring

    def request_definitions(
        self, address: bytes, selector: bytes | None
    ) -> tuple[Definitions | None, DisplayFormat | None]:
        """Ask the host for a token's or a function's definition. Raises DataError for a bad one."""
        chain_id = self._call.chain_id
        request = messages.EthereumDefinitionRequest(
            chain_id=chain_id, token_address=address, func_sig=selector
        )
        brought = self._flow.call(request, messages.EthereumDefinitionAck).definitions
        if brought is None:
            return None, None
        rules = self._call.wallet.rules
        hints = Hints(chain_id, None, brought.encoded_network, brought.encoded_token)
        definitions = definitions_for(rules, hints)
        encoded = brought.encoded_display_format
        return definitions, None if encoded is None else decode_format(rules, encoded)

    def fetch_token(self, address: bytes) -> Token:
        """The token at an address if the host can tell, else `UNKNOWN_TOKEN`."""
        if not self._call.msg.supports_definition_request:
            return UNKNOWN_TOKEN
        definitions, _ = self.request_definitions(address, None)
        return UNKNOWN_TOKEN if definitions is None else definitions.token(address)

    def find_format(self, selector: bytes, address: bytes, *, nested: bool = False) -> DisplayFormat | None:
        """The format of a function: built in, brought with the request, or asked for."""
        call = self._call
        wanted = (selector, call.chain_id, address)
        for known in built_in_formats():
            if known.matches(*wanted):
                return known
        definitions = call.msg.definitions
        if not nested and definitions is not None and definitions.encoded_display_format:
            brought = decode_format(call.wallet.rules, definitions.encoded_display_format)
            if brought.matches(*wanted):
                return brought
        if call.msg.supports_definition_request:
            _, asked = self.request_definitions(address, selector)
            if asked is not None and asked.matches(*wanted):
                return asked
        return None

    # Reading

    def read(self, form: DisplayFormat, data: bytes, callee: bytes | None = None) -> Reading:
        """Lines of a call, without its selector; `callee` for one inside another.

        Raises ClearSigningFailed.
        """
        parameters = read_parameters(form.parameters, data)

        def walk(path: Path) -> Value:
            if isinstance(path, Literal):
                return path.text
            if isinstance(path, Container):
                return self._container(path, callee)
            return fields.walk_path(parameters, path)

        around = Surroundings(self._definitions, walk, self.fetch_token)
        rows: list[Row] = []
        for field in form.fields:
            if isinstance(field.format, Subcall):
                rows += self._subcalls(field, field.format, around, nested=callee is not None)
            else:
                rows.append(Row(field.label, fields.show(field.format, walk(field.path), around)))
        return Reading(parameters, rows)

    def _container(self, path: Container, callee: bytes | None) -> Value:
        if path == fields.RECIPIENT:
            return self._call.recipient if callee is None else callee
        if callee is not None:
            raise InvalidFormat  # sender and value of an inner call are the outer contract's affair
        if path == fields.SENDER:
            return account_label(self._call.wallet.rules, self._call.path)
        return self._call.value

    def _subcalls(self, field: Field, form: Subcall, around: Surroundings, *, nested: bool) -> list[Row]:
        blobs, callees = around.walk(field.path), around.walk(form.callee)
        if not isinstance(blobs, list):
            return self._subcall(field, form, (blobs, callees), nested=nested)
        if not isinstance(callees, list):
            callees = [callees] * len(blobs)
        if len(callees) != len(blobs):
            raise InvalidFormat
        rows: list[Row] = []
        for number, pair in enumerate(zip(blobs, callees, strict=True), 1):
            rows += self._subcall(field, form, pair, nested=nested, number=number)
        return rows

    def _subcall(
        self,
        field: Field,
        form: Subcall,
        pair: tuple[Value, Value],
        *,
        nested: bool,
        number: int | None = None,
    ) -> list[Row]:
        blob, callee = pair
        if not isinstance(blob, bytes) or not isinstance(callee, bytes) or len(callee) != ADDRESS_LENGTH:
            raise InvalidFormat
        name = "Subcall" if number is None else f"Subcall #{number}"
        known = contract_name(self._call.chain_id, callee)
        to = known or checksum_address(callee, self._definitions.network)
        raw_labels = ("Subcall to", field.label)
        if number is not None:
            raw_labels = (f"({name}) To", f"({name}) {field.label}")
        raw_rows = [Row(raw_labels[0], Shown(to)), Row(raw_labels[1], Shown(blob.hex()))]
        selector, body = form.selector, blob
        if selector is None:
            selector, body = blob[:SELECTOR_LENGTH], blob[SELECTOR_LENGTH:]
        if nested or len(selector) < SELECTOR_LENGTH:
            return raw_rows
        try:
            inner = self.find_format(selector, callee, nested=True)
            if inner is None:
                return raw_rows
            rows = self.read(inner, body, callee).rows
        except (ClearSigningFailed, DataError):
            return raw_rows
        head = [
            Row(f"({name}) Provider", Shown(inner.provider or to)),
            Row(f"({name}) Intent", Shown(inner.intent)),
        ]
        return head + [replace(row, label=f"({name}) {row.label}") for row in rows]


def two_rows(reading: Reading, labels: tuple[str, str]) -> tuple[Row, Row]:
    """The lines of a token call, which have to be those two. Raises InvalidFormat."""
    if len(reading.parameters) != 2 or len(reading.rows) != 2:
        raise InvalidFormat
    first, second = reading.rows
    if (first.label, second.label) != labels:
        raise InvalidFormat
    if first.shown.text is None or not isinstance(reading.parameters[1], int):
        raise FirmwareError("")  # an assertion of the firmware
    return first, second
