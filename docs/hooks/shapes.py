"""Types and fields of JSON schemas in words, as the pages about HTTP and Python show them."""

from collections.abc import Iterator, Mapping
from typing import Any


def fields_table(schema: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a table of an object's fields; none if it has no fields."""
    if fields := schema.get("properties"):
        yield "| field | type | |\n|---|---|---|"
        for field, about in fields.items():
            needed = " (required)" if field in schema.get("required", ()) else ""
            yield f"| `{field}`{needed} | {kind(about)} | {cell(about.get('description', ''))} |"
        yield ""


def kind(schema: Mapping[str, Any]) -> str:
    """The type of a value in a few words; another shape is a link to its heading on the same page."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(kind(choice) for choice in choices))
    if values := schema.get("enum"):
        return ", ".join(f"`{value}`" for value in values)
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


def cell(text: str) -> str:
    """Words in one cell of a table, with nothing that Markdown would read as its own."""
    return prose(text).replace("|", "\\|").replace("\n", " ")


def prose(text: str) -> str:
    """Words as a paragraph."""
    return text.replace("<", "&lt;")
