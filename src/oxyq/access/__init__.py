"""Who may do what: tokens and sessions prove who somebody is, roles say what that allows."""
