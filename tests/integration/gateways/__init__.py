"""Every gateway against a server that speaks as the real one."""
