"""The page about errors: what Python raises, what HTTP answers, how commands end; read from the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import oxyq.errors
import oxyq.gateways.base

_API = Path(oxyq.errors.__file__).parent / "api"
_PAGE = """# Errors

Every error says what is wrong and what to do about it. None repeats a secret or a text of a customer.

## In Python

```text
{tree}
```

`QueueUnavailable` means *unknown*: Redis may have the job. Repeat the same call, and it is one job.

## By HTTP

One shape for all, with a `code` that never changes:

```json
{{"error": {{"code": "invalid_payload", "message": "from: must be …", "field": "from", "requestId": "…"}}}}
```

`problems` lists everything when more than one field is wrong; `requestId` is in the header `X-Request-Id` and in our
log. After 5xx, or no answer at all, send the same again: it will be one job. 429 and 503 come with `Retry-After`.

| status | code | says, for example |
|--:|---|---|
{codes}

## Of gateways

```text
{gateways}
```

## On the command line

| exit code | |
|--:|---|
| 0 | done |
| 1 | it failed; the last line on standard error says why and what to do |
| 2 | wrong use, or wrong settings; nothing was done |
| 130, 143 | Ctrl-C, SIGTERM |

## Of jobs

Why a job is a dead letter: [dead letters](../job-lifecycle.md#dead-letters). What to do about it:
[replay dead letters](../how-to/replay-dead-letters.md).
"""


def page() -> str:
    """The Markdown of the page."""
    codes = sorted({code: (status, message) for status, code, message in _codes()}.items(), key=lambda item: item[1])
    return _PAGE.format(
        tree=_tree(oxyq.errors.__doc__),
        gateways=_tree(oxyq.gateways.base.__doc__),
        codes="\n".join(f"| {status} | `{code}` | {message} |" for code, (status, message) in codes),
    )


def _tree(text: str | None) -> str:
    return (text or "").partition("\n\n")[2].strip()


def _codes() -> Iterator[tuple[int, str, str]]:
    """(status, code, message) of every refusal in the HTTP door."""
    for file in sorted(_API.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ("ApiError", "_later"):
                continue
            status, code, *message = [*node.args, None]
            if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                yield int(str(status.value)), str(code.value), _text(message[0])


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        text = str(node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    else:
        return ""
    return text.replace("|", "\\|").replace("<", "&lt;")
