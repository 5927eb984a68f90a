"""The files by which Oxyq is deployed: whether each says what it should, and whether what they say runs."""
