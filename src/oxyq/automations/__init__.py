"""Reminders, follow-ups and schedules: what is to be sent later, moved, withdrawn, or not sent any more."""
