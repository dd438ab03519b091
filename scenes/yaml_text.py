"""YAML, with numbers as everybody writes them: 1e6 and 1.0e6 are numbers, as in YAML 1.2, not words as in YAML 1.1."""

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """The safe loader with the floats of YAML 1.2 (its core schema, section 10.3.2), and no key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return the mapping; raises yaml.YAMLError where a key stands twice, of which one would be lost in silence."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.YAMLError(f"the key {twice[0]} stands twice in one place{node.start_mark}; keep one of them")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str) -> Any:
    """Return what a YAML text holds; raises yaml.YAMLError where it is none, or nested too deeply to be read."""
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits, a day that no month has
        raise yaml.YAMLError(str(error)) from error
