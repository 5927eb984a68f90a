"""The board: pages that a shop's owner and an operator look at, under /admin/queues."""
