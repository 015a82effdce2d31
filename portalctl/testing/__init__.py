"""The conformance suite that any provider must pass; `portalctl docs providers` explains how to run it."""

from portalctl.testing.conformance import Conformance as Conformance
from portalctl.testing.harness import Fault as Fault
from portalctl.testing.harness import Harness as Harness
from portalctl.testing.harness import State as State
