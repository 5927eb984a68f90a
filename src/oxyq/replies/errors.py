"""What can go wrong while an answer is thought of."""

from oxyq.errors import TemporaryError


class AiUnavailable(TemporaryError):
    """No language model answered, and one may later: the message waits for another attempt."""
