"""Campaigns: who gets what, exactly one job each."""
