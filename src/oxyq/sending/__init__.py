"""Sending a message once: what was claimed, what went out, and what nobody knows."""
