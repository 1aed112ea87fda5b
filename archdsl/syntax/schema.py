"""The JSON schema (draft 7) of the YAML form, with every operator, from the operators themselves.

Alternatives are told apart by `if` and `then` rather than `oneOf`, so that an editor knows which one it is in,
completes only that, and shows one error instead of one for each alternative.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from archdsl.ops import OPERATORS, Operator, OperatorParameter, Weighted, parameters
from archdsl.ops._op import REQUIRED
from archdsl.ops.dtypes import WIDTHS
from archdsl.ops.initialiser import Initialiser
from archdsl.syntax import tree
from archdsl.syntax.yaml import VERSION
from archdsl.syntax.yaml_body import RESERVED, SETUP, STARTS, STATEMENTS, STRUCTURES, VALUES

Schema: TypeAlias = dict[str, Any]

NAME: Final = "^[A-Za-z_][A-Za-z0-9_]*$"
SCALAR: Final = ["string", "number", "boolean"]
EXPRESSION: Final[Schema] = {"type": SCALAR, "description": "an expression"}
ONE_VALUE: Final[Schema] = {"anyOf": [{"required": [key]} for key in VALUES]}  # a mapping that is a value itself
MARKS: Final = ("train", "checkpoint", "frozen")
DOCUMENTATION: Final = {
    "seq": "an inline sequence of steps",
    "repeat": "how often the steps of `do` are repeated",
    "for": "the names that an item of the list is bound to",
    "in": "the list that `for` runs over",
    "do": "the steps that are repeated",
    "if": "a condition; without `else` the input passes through",
    "then": "the steps where it is true; or those that follow `from`",
    "else": "the steps where it is false",
    "name": "the label: the layer's name in its path",
    "on": "the device that it runs on",
    "only": "`train`: it exists in training only",
    "marks": "marks: train, checkpoint, frozen or a device",
    "from": "the value that a chain starts from",
    "module": "one instance of an operator or block, to be shared",
    "let": "names for values",
    "assert": "a condition that must hold",
    "message": "what is said where it does not hold; `${…}` puts a value in",
    "init": "the initialiser of all weights whose layer says nothing itself",
    "output": "the outputs, by name",
    "target": "what the loss compares with, by name: shapes, or a shape and a type",
    "loss": "an expression of losses over the outputs",
    "device": "the devices that `on` may name",
}


def schema() -> Schema:
    """The schema of a whole file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "archdsl: a neural-network architecture",
        "type": "object",
        "properties": {
            "archdsl": {"description": "the version of the form", "enum": [int(VERSION)]},
            "imports": {"description": "blocks of other files", "type": ["array", "null"], "items": _ref("import")},
            "blocks": _section("blocks, which networks and other blocks use", "block"),
            "networks": _section("networks", "network"),
            "variants": _section("networks with settings, by name", "variant"),
        },
        "required": ["archdsl"],
        "additionalProperties": False,
        "definitions": {
            "import": {
                "type": "object",
                "properties": {
                    "from": {"description": "a file beside or below this one", "type": "string"},
                    "import": {"description": "names of its blocks", **_one_or_list({"type": "string"})},
                },
                "required": ["from", "import"],
                "additionalProperties": False,
            },
            "block": _definition(
                inline={"description": "it adds no name to the paths of its layers", "enum": [True, False]}
            ),
            "network": _definition(),
            "variant": {"type": ["object", "string"], "additionalProperties": _ref("arguments"), "maxProperties": 1},
            "shape": {"type": "array", "items": {"type": ["integer", "string"], "minimum": 0}, "minItems": 1},
            "input": _if({"type": "object"}, _ref("long"), _ref("shape")),
            "param": _if(
                {"type": "object"},
                _ref("long"),
                {"type": [*SCALAR, "array", "null"], "anyOf": [{"enum": list(tree.TYPES)}, {}]},
            ),
            "long": {
                "type": "object",
                "properties": {
                    "shape": _ref("shape"),
                    "type": {"enum": list(dict.fromkeys([*tree.TYPES, *WIDTHS]))},
                    "default": {"type": [*SCALAR, "array"]},
                },
                "additionalProperties": False,
            },
            "body": _if({"type": "array"}, {"items": _ref("item")}, _ref("value")),
            "item": _if({"type": "object"}, _mapping(statements=tuple(STATEMENTS), starts=True), _ref("text")),
            "step": _if({"type": "object"}, _mapping(), _ref("text")),
            "steps": _if({"type": "array"}, {"items": _ref("step"), "minItems": 1}, _ref("step")),
            "part": _if({"type": "object"}, _mapping(statements=SETUP), _ref("text")),
            "sequence": _if({"type": "array"}, {"items": _ref("part"), "minItems": 1}, _ref("step")),
            "text": {"type": "string", "anyOf": [{"enum": _bare()}, {}]},
            "value": _if(
                {"type": "array"},
                {"items": _ref("link"), "minItems": 1},
                _if({"type": "object"}, _ref("whole"), EXPRESSION),
            ),
            "link": _if({"type": "object"}, _mapping(starts=True), _ref("text")),
            "argument": _if(
                {"type": "array"},
                {"items": _ref("argument")},
                _if({"type": "object"}, _ref("whole"), EXPRESSION),
            ),
            "whole": _mapping(starts=True, whole=True),
            "arguments": _arguments({"type": "object", "additionalProperties": _ref("argument")}, {}),
            **{f"operator-{name}": _operator(operator) for name, operator in OPERATORS.items()},
        },
    }


# --- pieces


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _if(test: Schema, then: Schema, orelse: Schema) -> Schema:
    return {"if": test, "then": then, "else": orelse}


def _one_or_list(item: Schema) -> Schema:
    return _if({"type": "array"}, {"items": item, "minItems": 1}, item)


def _map(value: Schema) -> Schema:
    return {"type": ["object", "null"], "additionalProperties": value}


def _section(description: str, definition: str) -> Schema:
    return {"description": description, **_map(_ref(definition)), "propertyNames": {"pattern": NAME}}


def _bare() -> list[str]:
    """The operators that are steps by their name alone."""
    return [name for name, o in OPERATORS.items() if all(p.default is not REQUIRED for p in parameters(o))]


# --- mappings


def _definition(**more: Schema) -> Schema:
    named = {"propertyNames": {"pattern": NAME}}
    return {
        "type": "object",
        "properties": {
            **more,
            "inputs": {"description": "tensors: names and shapes", **_map(_ref("input")), **named},
            "params": {"description": "settings: defaults or types", **_map(_ref("param")), **named},
            "body": {"description": "statements and steps", **_ref("body")},
        },
        "required": ["body"],
        "additionalProperties": False,
    }


def _statements() -> Schema:
    """What stands behind the key of each statement."""
    values = {"type": "object", "additionalProperties": _ref("value"), "minProperties": 1}
    return {
        "let": values,
        "assert": {"type": ["boolean", "string"]},
        "message": {"type": "string"},
        "init": {"type": "string"},
        "output": values,
        "target": {"type": "object", "additionalProperties": _ref("input"), "minProperties": 1},
        "loss": _ref("value"),
        "device": _one_or_list({"type": "string"}),
    }


def _mapping(*, statements: tuple[str, ...] = (), starts: bool = False, whole: bool = False) -> Schema:
    """A mapping that is a step; or one of some statements, or a value (`whole`: with bodies under `then`)."""
    inner = _ref("body") if whole else _ref("sequence")
    text = {"type": ["string", "integer"]}
    properties: Schema = {
        "seq": _ref("sequence"),
        "repeat": {"type": ["integer", "string"], "minimum": 0},
        "for": _one_or_list({"type": "string"}),
        "in": {"type": "string"},
        "do": _ref("sequence"),
        "if": {"type": ["boolean", "string"]},
        "then": inner,
        "else": inner,
        "name": text,
        "on": text,
        "only": {"enum": ["train"]},
        "marks": _one_or_list({"type": "string", "anyOf": [{"enum": list(MARKS)}, {}]}),
    }
    groups = dict(STRUCTURES)
    if starts:
        properties |= {"from": _ref("value"), "module": _ref("variant")}
        groups |= {key: (key, "then") if key == "from" else (key,) for key in STARTS}
    allowed = [key for statement in statements for key in STATEMENTS[statement]]
    properties |= {key: piece for key, piece in _statements().items() if key in allowed}
    for key, piece in properties.items():
        properties[key] = {"description": DOCUMENTATION[key], **({"allOf": [piece]} if "$ref" in piece else piece)}
    properties |= {name: _ref(f"operator-{name}") for name in OPERATORS}
    rules = [_group(keys) for key, keys in groups.items() if not (whole and key in STRUCTURES and key != "if")]
    for statement in statements:
        rules.append(_if({"required": [statement]}, {"propertyNames": {"enum": list(STATEMENTS[statement])}}, {}))
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": _ref("arguments"),  # a block
        "minProperties": 1,
        "allOf": rules,
    }


def _group(keys: tuple[str, ...]) -> Schema:
    """What goes with a structure's key: what it needs, and nothing else beside the reserved keys."""
    first, *others = keys
    needed = [key for key in others if key != "else" and first != "from"]
    allowed = {"propertyNames": {"enum": [*keys, *RESERVED]}}
    return _if({"required": [first]}, {"required": needed, **allowed} if needed else allowed, {})


# --- operators


def _operator(operator: type[Operator]) -> Schema:
    """The arguments of an operator: by name, by position, or both."""
    found = parameters(operator)
    properties: Schema = {p.name: _parameter(p) for p in found}
    properties |= {
        name: {"description": "a tensor", "allOf": [_ref("argument")]}
        for name in (*operator.inputs, *(operator.lends if issubclass(operator, Weighted) else ()))
        if name not in properties
    }
    named = {"type": "object", "properties": properties, "additionalProperties": False}
    text = " ".join((operator.__doc__ or "").split())
    needs = [] if operator.kept is not None else [p.name for p in found if p.default is REQUIRED]  # or a tensor to keep
    required: Schema = {"required": needs}
    if required["required"] and issubclass(operator, Weighted):  # the sizes are those of a weight that is given
        required = {"anyOf": [required, {"required": ["weight"]}]}
    return {"description": text, **_arguments(named, required if required.get("required", True) else {})}


def _arguments(named: Schema, required: Schema) -> Schema:
    """Arguments in a mapping, in a list that may hold mappings, or one alone."""
    by_name = {"type": "object", "not": ONE_VALUE}
    inside = _if({"type": "array"}, {"items": _if(by_name, named, _ref("argument"))}, _ref("argument"))
    alone = _if({"type": "null"}, {}, inside)
    return _if(by_name, {**named, **required}, alone)


def _parameter(parameter: OperatorParameter) -> Schema:
    default = parameter.default
    found = {"description": f"{parameter.doc} ({parameter.kind.describe()})", **parameter.kind.schema()}
    if default is REQUIRED or default is None:
        return found
    return found | {"default": str(default) if isinstance(default, Initialiser) else default}
