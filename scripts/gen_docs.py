"""Write the tables of ``docs/configuration.md`` from the configuration's schema: ``gen_docs.py [--check]``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matsearch.core.config import SearchConfig

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
BEGIN = "<!-- begin: written by scripts/gen_docs.py from matsearch/core/config.py -->"
END = "<!-- end -->"

Schema = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` only say whether it is as it would be written."""
    current = PAGE.read_text(encoding="utf-8")
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"
    if wanted == current:
        return 0
    if "--check" in arguments:
        print(f"{PAGE.name} is not what the schema says: run scripts/gen_docs.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


def tables() -> str:
    """Return one table for the keys at the top, then one a section."""
    schema = SearchConfig.model_json_schema()
    sections = {key: _section(item, schema) for key, item in schema["properties"].items()}
    plain = {key: item for key, item in schema["properties"].items() if sections[key] is None}
    required = schema.get("required", [])
    parts = ["### At the top\n", _table(plain, required)]
    for key, section in sections.items():
        if section is not None:
            title = f"{key} (a list)" if schema["properties"][key].get("type") == "array" else key
            about = schema["properties"][key].get("description", section["description"])
            parts += _parts(title, about, section, schema)
    return "\n".join(parts)


def _parts(title: str, about: str, section: Schema, schema: Schema) -> list[str]:
    """Return a section's heading and table, then those of the sections in it."""
    inner = {key: found for key, item in section["properties"].items() if (found := _section(item, schema))}
    keys = {key: item for key, item in section["properties"].items() if key not in inner}
    parts = [f"\n### {title}\n", f"{about.strip()}\n", _table(keys, section.get("required", []))]
    for key, found in inner.items():
        about = f"{found['description'].strip()} {section['properties'][key].get('description', '')}"
        parts += _parts(f"{title}.{key}", about, found, schema)
    return parts


def _section(item: Schema, schema: Schema) -> Schema | None:
    choices = [item, item.get("items", {}), *item.get("anyOf", [])]
    reference = next((choice["$ref"] for choice in choices if "$ref" in choice), None)
    return schema["$defs"][reference.rpartition("/")[2]] if reference else None


def _table(keys: Schema, required: list[str]) -> str:
    rows = [
        f"| `{key}` | {_values(item)} | {_default(key, item, required)} | {_cell(item.get('description', ''))} |"
        for key, item in keys.items()
    ]
    return "\n".join(["| key | values | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _default(key: str, item: Schema, required: list[str]) -> str:
    return "required" if key in required else f"`{json.dumps(item.get('default'))}`"


def _values(item: Schema) -> str:
    if "anyOf" in item:
        return " or ".join(_values(choice) for choice in item["anyOf"])
    if "enum" in item:
        return ", ".join(f"`{value}`" for value in item["enum"])
    if "prefixItems" in item:
        return f"[{', '.join(_values(part) for part in item['prefixItems'])}]"
    if item.get("type") == "array":
        return f"list of {_values(item['items'])}"
    if item.get("type") == "object":
        names, values = item.get("propertyNames", {"type": "string"}), item["additionalProperties"]
        return f"{_values(names)}: {_values(values if isinstance(values, dict) else {})}"
    kind = _cell(item.get("type", "any"))
    bounds = ", ".join(_bounds(item))
    return f"{kind} {bounds}" if bounds else kind


def _bounds(item: Schema) -> Iterator[str]:
    for key, sign in (
        ("exclusiveMinimum", ">"),
        ("minimum", ">="),
        ("exclusiveMaximum", "<"),
        ("maximum", "<="),
    ):
        if key in item:
            yield f"{sign} {item[key]}"
    if "pattern" in item:
        yield f"`{item['pattern']}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
