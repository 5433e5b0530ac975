"""What OneKey Pro's screens call a network."""

from __future__ import annotations

from .networks import UNKNOWN_NETWORK, Network


def onekey_name(network: Network) -> str:
    """The network's name, "EVM" for one the device does not know."""
    return "EVM" if network is UNKNOWN_NETWORK else network.name
