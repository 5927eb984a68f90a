"""What comes in from the gateways: webhooks that were proved to be theirs, and the numbers they are for."""
