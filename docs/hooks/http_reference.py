"""The page about the HTTP API, from its own OpenAPI document."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from shapes import cell, fields_table, kind, prose

from oxyq.api.application import create_api
from oxyq.app import open_app
from oxyq.settings import load_settings

_BEGINNING = """# HTTP

Served by `oxyq api` on port 3001. `/openapi.json` is the same for programs, `/docs` for trying it out. Send a token as
`Authorization: Bearer …` ([how to make one](../quickstart.md#by-http)); times are milliseconds since 1970;
unknown fields are refused. All errors have [one shape](errors.md#by-http).
"""
_NOBODY = {"REDIS_URL": "redis://127.0.0.1:1", "OXYQ_JWT_SECRET": "only-so-that-routes-can-be-listed"}
_SUCCESS = ("200", "201", "202", "204")


def page() -> str:
    """The Markdown of the page."""
    document = asyncio.run(_openapi())
    return "\n".join((_BEGINNING, *_operations(document), "## Shapes\n", *_shapes(document)))


async def _openapi() -> dict[str, Any]:
    # The application asks Redis for nothing before a request comes.
    async with open_app(load_settings(_NOBODY)) as app:
        return create_api(app).openapi()


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation.get("tags", ["other"])[0]].append((method.upper(), path, operation))
    for tag, operations in by_tag.items():
        yield f"## {tag}\n"
        for method, path, operation in operations:
            yield f"### {method} {path}\n\n{prose(operation.get('description', ''))}\n"
            yield from _parameters(operation)
            yield from _body(operation)
            yield from _answers(operation)


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for one in parameters:
            name = f"`{one['name']}`" + (" (required)" if one.get("required") and one["in"] != "path" else "")
            yield f"| {name} | {one['in']} | {kind(one.get('schema', {}))} | {cell(one.get('description', ''))} |"
        yield ""


def _body(operation: Mapping[str, Any]) -> Iterator[str]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body, `{media}`: {kind(content.get('schema', {}))}\n"
        if "example" in content:
            example = content["example"]
            text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)
            yield f"```{'json' if media.endswith('/json') else 'text'}\n{text.rstrip()}\n```\n"


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    yield "| answer | |\n|---|---|"
    for status, answer in operation["responses"].items():
        kinds = [kind(content.get("schema", {})) for content in answer.get("content", {}).values()]
        shape = ", ".join(dict.fromkeys(kind for kind in kinds if kind)) if status in _SUCCESS else ""
        words = "" if answer["description"] == "Successful Response" else cell(answer["description"])
        yield f"| {status} | {' '.join(part for part in (shape, words) if part)} |"
    yield ""


def _shapes(document: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n\n{prose(schema.get('description', ''))}\n"
        yield from fields_table(schema)
