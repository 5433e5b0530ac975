"""Why an engine says no, in words that belong to no exchange: each dialect turns a reason into its own code.

A refusal carries facts (the limit, the asset), never a sentence: sentences and numbers are the dialect's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

Fact = str | int | Decimal


class Reason(StrEnum):
    # what was asked for
    MISSING_PARAMETER = "missing_parameter"  # name
    BAD_PARAMETER = "bad_parameter"  # name
    REPEATED_PARAMETER = "repeated_parameter"  # name
    UNKNOWN_PATH = "unknown_path"  # method, path
    UNKNOWN_ASSET = "unknown_asset"  # asset
    UNKNOWN_NETWORK = "unknown_network"  # asset, network
    UNKNOWN_SYMBOL = "unknown_symbol"  # symbol
    # who asked
    BAD_KEY = "bad_key"  # no such key
    BAD_SIGNATURE = "bad_signature"
    BAD_PASSPHRASE = "bad_passphrase"
    BAD_TIMESTAMP = "bad_timestamp"  # sent, now
    BAD_NONCE = "bad_nonce"  # sent, last
    BAD_SESSION = "bad_session"  # an access token that is unknown or expired
    FOREIGN_IP = "foreign_ip"  # ip
    NO_RIGHT = "no_right"  # right
    # money that leaves
    SUSPENDED = "suspended"  # asset, network
    BELOW_MINIMUM = "below_minimum"  # minimum, asset
    BELOW_FEE = "below_fee"  # fee, asset
    ABOVE_MAXIMUM = "above_maximum"  # maximum, asset
    NOT_A_MULTIPLE = "not_a_multiple"  # step, asset
    BAD_AMOUNT = "bad_amount"  # zero, negative, or no number
    BAD_ADDRESS = "bad_address"  # address
    BAD_TAG = "bad_tag"  # a tag of the wrong form, or none where there must be one
    NOT_WHITELISTED = "not_whitelisted"  # address
    INSUFFICIENT = "insufficient"  # asset, held
    LOCKED = "locked"  # asset, locked: deposits that are not deep enough
    DUPLICATE_CLIENT_ID = "duplicate_client_id"  # client_id
    BAD_CLIENT_ID = "bad_client_id"  # client_id
    HELD = "held"  # until_ms: a hold after a change of security settings
    TRAVEL_RULE = "travel_rule"
    TOO_FREQUENT = "too_frequent"  # wait_ms
    # money inside
    NO_ROUTE = "no_route"  # route
    MARGIN = "margin"  # asset, maximum: the positions need what should be moved
    TOO_FINE = "too_fine"  # asset: more decimals than the exchange keeps
    NO_DEPOSITS = "no_deposits"  # asset, network
    # the exchange itself
    MAINTENANCE = "maintenance"


class Refusal(Exception):  # noqa: N818  a decision of the exchange, not a fault
    """The exchange refuses; `facts` are named in the reason's comment."""

    def __init__(self, reason: Reason, **facts: Fact) -> None:
        told = " ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{reason} {told}".strip())
        self.reason = reason
        self.facts: Mapping[str, Fact] = MappingProxyType(facts)
