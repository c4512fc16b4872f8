"""Values that a JSON schema takes and that make no sense: ids of nobody, the ends of time, texts that databases refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from booka_common.ids import new_id

__all__ = ["NONSENSE", "Nonsense"]


@dataclass(frozen=True)
class Nonsense:
    """One way to fill a schema.

    Attributes:
        known: what is said for a property of this name.
    """

    text: str = "\x00☃"
    integer: int = 2**40
    instant: str = "9999-12-31T23:59:59Z"
    day: str = "9999-12-31"
    time: str = "23:59:59"
    known: Mapping[str, Any] = field(default_factory=dict)

    def of(self, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
        """A value for `schema`; `whole` is the document that its references point into."""
        if "$ref" in schema:
            return self.of(_at(whole, schema["$ref"]), whole)
        if either := schema.get("anyOf") or schema.get("oneOf"):
            return self.of(either[0], whole)
        if "enum" in schema or "const" in schema:
            return schema.get("const") or schema["enum"][0]
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                return {
                    name: self.known[name] if name in self.known else self.of(child, whole)
                    for name, child in properties.items()
                }
            case "array":
                return [self.of(schema.get("items") or schema["prefixItems"][0], whole)]
            case "integer":
                return max(min(self.integer, schema.get("maximum", self.integer)), schema.get("minimum", self.integer))
            case "boolean":
                return True
            case "string":
                return self._string(schema)
        raise ValueError(f"unknown schema: {schema}")

    def _string(self, schema: Mapping[str, Any]) -> str:
        if schema.get("pattern", "").startswith("^[A-Z]{3}"):
            return "EUR"
        if schema.get("pattern", "").startswith("^[a-z]"):
            return "nobody_knows_this"
        formats = {
            "uuid": str(new_id()),
            "date-time": self.instant,
            "date": self.day,
            "time": self.time,
            "uri": "http://127.0.0.1:9/",
        }
        text = formats.get(schema.get("format", ""), self.text)
        return text[: schema.get("maxLength", len(text))]


#: Different ways to make no sense.
NONSENSE = (
    Nonsense(),
    Nonsense(text="a\x00b", integer=2**63, instant="9999-12-31T23:59:59.999999-14:00"),
    Nonsense(text="☃" * 5000, integer=-(2**31), instant="0001-01-01T00:00:00+14:00", day="0001-01-01", time="00:00"),
    Nonsense(text=" \u202e\u2066\u200b", integer=0, instant="2000-01-01T00:00:00Z", day="2000-02-29"),
)


def _at(whole: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
