"""The wallet and device fixtures of tests/integration/device, used here as they are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "integration" / "device" / "conftest.py"
_NAME = "vault_device_fixtures"
if _NAME not in sys.modules:
    _SPEC = importlib.util.spec_from_file_location(_NAME, _PATH)
    assert _SPEC is not None
    assert _SPEC.loader is not None
    _MODULE = importlib.util.module_from_spec(_SPEC)
    sys.modules[_NAME] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
_SHARED = sys.modules[_NAME]

wallet = _SHARED.wallet
other_wallet = _SHARED.other_wallet
device = _SHARED.device
trezor = _SHARED.trezor
opened = _SHARED.opened
verified = _SHARED.verified
