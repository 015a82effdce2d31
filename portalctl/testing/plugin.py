"""The pytest plug-in that comes with portalctl: it explains failures of the conformance suite."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("portalctl.testing.conformance")
