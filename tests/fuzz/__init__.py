"""Every parser of ours against whatever comes: a corpus that is replayed, and Hypothesis around it."""
