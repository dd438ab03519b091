"""Dataset specs by name: the bundled ones, or a YAML file of the user's."""

from pathlib import Path

from defects.messages import unknown
from scenes.spec import DatasetSpec, read_dataset_spec

DATASETS = Path(__file__).parent / "datasets"


def bundled() -> list[str]:
    """Return the names of the bundled datasets."""
    return sorted(path.parent.name for path in DATASETS.glob("*/dataset.yaml"))


def find_dataset(name: str) -> tuple[DatasetSpec, Path]:
    """Return a dataset spec, and the folder that its relative part files count from.

    Args:
        name: A bundled name, or the path of a YAML file.
    """
    if name in bundled():
        return read_dataset_spec(DATASETS / name / "dataset.yaml"), DATASETS / name
    path = Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"} and not path.exists():
        raise unknown("dataset", name, bundled())
    return read_dataset_spec(path), path.parent
