"""Which make's questions a persona asks."""

from __future__ import annotations

from ..rules import rules_for
from .base import Setting, SigningQuestions
from .core import CoreQuestions
from .legacy import LegacyQuestions
from .onekey_classic import OneKeyClassicQuestions

_MAKES: dict[str, type[CoreQuestions]] = {
    "core": CoreQuestions,
    "legacy": LegacyQuestions,
    "onekey-classic": OneKeyClassicQuestions,
}


def questions_for(setting: Setting) -> SigningQuestions:
    return _MAKES[rules_for(setting.flow.persona).questions](setting)
