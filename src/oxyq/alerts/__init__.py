"""Alerts without a monitoring system: what is wrong is told by webhook to the operator, by WhatsApp to the owner."""
