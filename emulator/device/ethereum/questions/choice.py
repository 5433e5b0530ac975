"""Which make's questions a device asks."""

from __future__ import annotations

from collections.abc import Callable

from ...flow import Flow
from .base import Questions
from .core import CoreQuestions
from .legacy import LegacyQuestions
from .onekey_classic import OneKeyClassicQuestions
from .onekey_pro import OneKeyProQuestions

_QUESTIONS: dict[str, Callable[[Flow], Questions]] = {
    "trezor-core": CoreQuestions,
    "trezor-one": LegacyQuestions,
    "onekey-classic1s": OneKeyClassicQuestions,
    "onekey-pro": OneKeyProQuestions,
}


def questions_for(flow: Flow) -> Questions:
    """The questions of the device a workflow runs on."""
    return _QUESTIONS[flow.persona.name](flow)
