"""Answers, with what they need for real."""
