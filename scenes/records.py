"""Records that refuse what makes no sense, and say so in words: where, what was expected, what was got."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from defects.messages import BadInput, unknown

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Record(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_word_for_a_number(cls, value: Any, info: Any) -> Any:
        wanted = cls.model_fields[info.field_name or ""].annotation
        choices = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
        if isinstance(value, bool | str) and set(choices) <= {int, float, NoneType}:
            # a YAML number has a point before its exponent, or it is a word
            raise ValueError(f"must be a number without quotes, such as 0.5 or 1.0e-3, got {value!r}")
        return value


def validated(model: type[BaseModel], values: dict[Any, Any], source: str) -> Any:
    """Return the record, or raise BadInput that names every fault by its place in the file."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        # a part with a fault is left out of the list, and pydantic then finds the list too short as well
        deeper = [f for f in faults if f["type"] != "too_short" or faults == [f]]
        lines = [_line(model, fault) for fault in deeper]
        raise BadInput(f"{source}: " + "\n  ".join(lines)) from error


IN_OUR_WORDS = {
    "missing": "is missing",
    "too_short": "must list at least one",
    "string_pattern_mismatch": "must be of small letters, digits, _ and -, and begin with a letter or digit",
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
    **dict.fromkeys(("model_type", "dict_type"), "must hold keys and values"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "must be a whole number"),
}
"""What pydantic finds wrong, where its own words are a programmer's."""


def _line(model: type[BaseModel], fault: Any) -> str:
    """Return one fault in words: where, what was expected, what was got."""
    place = [
        part for part in fault["loc"] if not (isinstance(part, str) and part.startswith(("function-", "literal[")))
    ]
    where = "".join(f"{p}." for p in place if p != "[key]").removesuffix(".")
    where += ": " if where else ""
    if fault["type"] == "extra_forbidden":
        return f"{where}{unknown('key', str(place[-1]), _fields_at(model, place[:-1]))}"
    if fault["type"] == "value_error":
        return f"{where}{fault['ctx']['error']}"  # ours: as it was written
    text = IN_OUR_WORDS.get(fault["type"], fault["msg"].replace("Input should", "must"))
    got = "" if fault["type"] == "missing" else f", got {fault['input']!r}"
    return f"{where}{text[0].lower() + text[1:]}{got}"


def _fields_at(model: type[BaseModel], place: list[Any]) -> list[str]:
    """Return the keys that are known at a place in the file."""
    for step in place:
        if isinstance(step, int):
            continue
        inner = model.model_fields[step].annotation
        candidates = [inner, *getattr(inner, "__args__", ())]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
