"""Which versions two runs differ in: the bytes of samples depend on them."""

from typing import Any


def differing(one: Any, other: dict[str, str], where: str = "there", here: str = "here") -> str:
    """Return what differs between two records of `made_by`, as `numpy 2.4.6 there, 2.5.0 here`; nothing: "".

    Args:
        one: Read from a file, and perhaps no record at all.
        other: Of this installation, say.
        where: What the first is called.
        here: What the other is called.
    """
    one = one if isinstance(one, dict) else {}
    names = [name for name in {**other, **one} if one.get(name) != other.get(name)]
    return "; ".join(f"{name} {one.get(name, 'not told')} {where}, {other.get(name, 'none')} {here}" for name in names)


def cause_of(there: Any, here: dict[str, str]) -> str:
    """Return in words why a sample may have been made otherwise, from the versions of both runs."""
    if found := differing(there, here):
        return f"they were made otherwise: {found}"
    return "they were made by the same versions, backend and kind of machine: the dataset or its parts were changed"
