"""Which firmware's questions about typed data a device asks."""

from __future__ import annotations

from collections.abc import Callable

from ....flow import Flow
from ...networks import Network
from ...onekey_names import onekey_name
from ..rules import Bounds
from .base import Review
from .core import CoreReview
from .onekey_classic import ClassicReview
from .onekey_pro import ProReview

_MAKES: dict[str, Callable[[Flow, Network, bool], Review]] = {
    "trezor-core": lambda flow, _network, _own: CoreReview(flow),
    "onekey-classic1s": lambda flow, _network, _own: ClassicReview(flow, Bounds()),
    "onekey-pro": lambda flow, network, own: ProReview(flow, onekey_name(network), asks_empty_domain=not own),
}


def review_for(flow: Flow, network: Network, *, own_message: bool) -> Review:
    """The questions of the flow's device; `own_message` for OneKey's twin of the request."""
    return _MAKES[flow.persona.name](flow, network, own_message)
