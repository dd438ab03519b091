"""Vectors of a trajectory from a file: CSV, NPY or JSON, twelve numbers a view."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from defects.messages import BadInput

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
        if path.suffix.lower() == ".npy":
            return np.atleast_2d(np.load(path, allow_pickle=False)).astype(float).tolist()
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            record = json.loads(text)
            return record["cone_vec_mm"] if isinstance(record, dict) else record
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        return [[float(word) for word in line.replace(",", " ").replace(";", " ").split()] for line in lines]
    except FileNotFoundError as error:
        raise BadInput(f"no file of vectors {path}; paths count from the dataset file") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a file of vectors") from error
    except KeyError as error:
        raise BadInput(f"{path} must hold a list of rows, or the rows under cone_vec_mm") from error
    except (ValueError, EOFError) as error:  # JSON, text and NPY faults are all of this kind
        raise BadInput(f"{path} does not hold rows of numbers: {error}") from error
