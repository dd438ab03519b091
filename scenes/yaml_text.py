"""YAML, with numbers as everybody writes them: 1e6 and 1.0e6 are numbers, as in YAML 1.2, not words as in YAML 1.1.

Nothing but plain values is made of it, and no more of them than there is room for: an alias (*) stands for all that its
anchor (&) holds, so that nine lines may say a thousand million things.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from scenes import plain_file

MOST_CHARACTERS = 1 << 21
"""Of a text; it takes a minute, and 0.7 GB, to read so many."""

MOST_VALUES = 1_000_000
"""In a text, those behind every alias counted."""

DEEPEST = 100
"""Levels of brackets within brackets."""

LONGEST_NUMBER = 1000
"""Characters. A number of a hundred thousand digits takes long to read, and cannot be written into a message."""

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """The safe loader with the floats of YAML 1.2 (its core schema, section 10.3.2), and no key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return the mapping; raises yaml.YAMLError where a key stands twice, of which one would be lost in silence."""
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := sorted(key for key, count in keys.items() if count > 1):
            raise yaml.YAMLError(f"the key {twice[0]} stands twice in one place{node.start_mark}; keep one of them")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str) -> Any:
    """Return what a YAML text holds; raises yaml.YAMLError where it is none, or too deep or too large to be read."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text)} characters, expected {MOST_CHARACTERS} at most")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, ())
        return loader.construct_document(node)
    except yaml.YAMLError:
        raise
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except Exception as error:  # a day that no month has, `!!int ''`, and whatever else a tag may promise
        raise yaml.YAMLError(str(error) or type(error).__name__) from error
    finally:
        loader.dispose()


def read_yaml_file(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        OSError: It is missing, no plain file, or too large.
        UnicodeDecodeError, YAMLError: It is no YAML.
    """
    return read_yaml(plain_file.read_text(path, 4 * MOST_CHARACTERS))


def _measure(node: yaml.Node, found: dict[int, tuple[int, int]], above: tuple[int, ...]) -> tuple[int, int]:
    """Return how many values a node stands for, aliases written out, and in how many levels.

    Args:
        node: As composed.
        found: The same of nodes that were looked at before, by their id.
        above: Ids of the nodes that this one stands in.

    Raises:
        YAMLError: They are too many, or one of them is a number that is too long.
    """
    if id(node) in found:
        return found[id(node)]
    if id(node) in above:
        raise yaml.YAMLError("it holds an alias (*) to a place that it stands in itself; write it out")
    below = node.value if isinstance(node, yaml.CollectionNode) else []
    each = [one for pair in below for one in pair] if isinstance(node, yaml.MappingNode) else below
    sizes = [_measure(one, found, (*above, id(node))) for one in each]
    count, levels = 1 + sum(count for count, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)
    if levels > DEEPEST:
        raise yaml.YAMLError(f"it is nested too deeply: expected {DEEPEST} levels at most")
    if count > MOST_VALUES:
        raise yaml.YAMLError(f"its aliases (*) stand for {count:.1e} values, expected {MOST_VALUES:.0e} at most")
    if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
        raise yaml.YAMLError(f"it holds a number of {len(node.value)} characters, expected {LONGEST_NUMBER} at most")
    found[id(node)] = count, levels
    return found[id(node)]
