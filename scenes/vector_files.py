"""Vectors of a trajectory from a file: CSV, NPY or JSON, twelve numbers a view."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from defects.messages import BadInput
from scenes import plain_file
from scenes.json_file import LARGEST, json_of
from scenes.npy_file import array_of

SUFFIXES = (".csv", ".tsv", ".txt", ".npy", ".json")


def with_vectors(values: Any, folder: Path) -> Any:
    """Return a dataset's keys and values with every file of vectors that scan.trajectory names put in as its rows.

    Args:
        values: Of a dataset file.
        folder: Relative paths count from here.
    """
    try:
        path = values["scan"]["trajectory"]
        named = {key: path[key] for key in ("vectors", "nominal_vectors") if isinstance(path.get(key), str)}
    except (TypeError, KeyError, AttributeError):
        return values  # whatever is wrong with it is told where the spec is validated
    rows = {key: read_vectors(folder / name) for key, name in named.items()}
    return {**values, "scan": {**values["scan"], "trajectory": {**path, **rows}}}


def read_vectors(path: Path) -> Any:
    """Return what a file of vectors holds, rows of numbers if all is well; a TrajectorySpec judges them.

    CSV may be cut by commas, semicolons or blanks and hold lines that begin with `#`; JSON is a list of rows, or a
    record with the rows under `cone_vec_mm`, as a sample's scene.json has them.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"vectors are read from {', '.join(SUFFIXES)} files, got {str(path.name or path)!r}")
    try:
        content = plain_file.read_bytes(path, plain_file.MOST_TEXT)
        if path.suffix.lower() == ".npy":
            return _bounded(_rows(array_of(content)))
        if path.suffix.lower() == ".json":
            record = json_of(content)
            return record["cone_vec_mm"] if isinstance(record, dict) else record
        lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip() and line.strip()[0] != "#"]
        rows = [[float(word) for word in line.replace(",", " ").replace(";", " ").split()] for line in lines]
        return _bounded(rows)
    except FileNotFoundError as error:
        raise BadInput(f"no file of vectors {path}; paths count from the dataset file") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a file of vectors") from error
    except KeyError as error:
        raise BadInput(f"{path} must hold a list of rows, or the rows under cone_vec_mm") from error
    except ValueError as error:  # JSON, text and NPY faults are all of this kind
        raise BadInput(f"{path} does not hold rows of numbers: {error!s:.200}") from error


def _rows(array: np.ndarray) -> list[list[float]]:
    """Return the rows of an array; one without numbers may claim any number of them."""
    if not 1 <= array.ndim <= 2 or not array.size:
        raise ValueError(f"an array of shape {array.shape}, expected a row of 12 numbers a view")
    with np.errstate(invalid="ignore"):  # what is no number is told where the spec is validated
        return np.atleast_2d(array).astype(float).tolist()


def _bounded(rows: list[list[float]]) -> list[list[float]]:
    """Return rows, or raise ValueError where products of their numbers overflow; those that are none are told later."""
    for view, row in enumerate(rows):
        if any(LARGEST < abs(number) < math.inf for number in row):
            raise ValueError(f"row {view} holds numbers beyond {LARGEST:g}")
    return rows
