"""What a parser promises: a value that is sound, or one of its refusals in plain words; never anything else."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oxyq.errors import InvalidPayload

#: More would be somebody's text given back, and not a sentence of ours.
LONGEST_REFUSAL = 2_000
#: Stands in what is secret; no refusal may repeat it.
SECRET = "s3cr3t-w0rd"


@dataclass(frozen=True, slots=True)
class Parser:
    """`read` takes any bytes and itself asserts what holds for what it took; `refusals` is how it may say no.

    `words` are what the format is made of, for mutations: bytes that a file of it could hold anywhere.
    """

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = (InvalidPayload,)
    words: tuple[bytes, ...] = field(default=())


def check(parser: Parser, raw: bytes) -> bool:
    """Read these bytes; whether they were taken. Everything but that and a decent refusal fails the test."""
    try:
        parser.read(raw)
    except parser.refusals as refused:
        said = str(refused)
        assert all(line.isprintable() for line in said.split("\n")), f"the refusal is not plain: {said!r}"
        assert max(map(len, said.split("\n"))) <= LONGEST_REFUSAL, f"the refusal is too long: {said[:200]!r}"
        assert SECRET not in said, f"the refusal repeats a secret: {said!r}"
        return False
    return True


def text(raw: bytes) -> str:
    """These bytes as a text of anybody's, half characters included."""
    return raw.decode("utf-8", "surrogateescape")
