"""Servers on this machine that speak as the real ones do, and fail where a number asks for it."""
