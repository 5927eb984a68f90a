"""A shop of this test's own, and real processes that are killed, frozen and cut off."""

from tests.journeys.conftest import app, environment, start_oxyq, whatsapp

__all__ = ["app", "environment", "start_oxyq", "whatsapp"]
