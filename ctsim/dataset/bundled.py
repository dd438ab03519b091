"""The pages of the bundled datasets: `python -m ctsim.dataset.bundled FOLDER` writes their schemas and contact sheets.

A README says by hand what a dataset is for; what its samples hold stands between two marks, and comes from the spec.
"""

import sys
from pathlib import Path

from ctsim.dataset.card import schema
from ctsim.dataset.generate import first_samples
from ctsim.dataset.plan import class_records, classes_of, load_sources
from ctsim.dataset.preview import contact_sheet, save
from defects.messages import BadInput
from scenes.spec import DatasetSpec, read_dataset_spec
from scenes.splits import kind_splits, split_of

BEGIN, END = "<!-- written by make sheets -->", "<!-- up to here -->"
"""Between them stands what is written here."""

SCENES = 4
"""On a sheet."""


def page(folder: Path) -> str:
    """Return the README of a dataset's folder as it should be; raises BadInput where it lacks the marks."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BadInput(f"{path} must hold the lines {BEGIN} and {END}, between which the schema stands; add them")
    spec = read_dataset_spec(folder / "dataset.yaml")
    return f"{before}{BEGIN}\n\n{_schema(spec, folder)}\n\n{END}{after}"


def _schema(spec: DatasetSpec, folder: Path) -> str:
    classes = class_records(classes_of(spec, load_sources(spec, folder)))
    splits = {part.key: split_of(spec, part) for part in spec.parts}
    return "\n".join(schema(spec.model_dump(mode="json"), classes, splits, kind_splits(spec)))


def main() -> None:
    """Write the README and the sheet of every dataset in the folder that is named; further names: of these alone."""
    wanted = sys.argv[2:]
    for folder in sorted(path.parent for path in Path(sys.argv[1]).glob("*/dataset.yaml")):
        if not wanted or folder.name in wanted:
            classes, samples = first_samples(read_dataset_spec(folder / "dataset.yaml"), folder, SCENES)
            save(contact_sheet(samples, classes), folder / "sheet.png")
            (folder / "README.md").write_text(page(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
