"""The parts to draw from, and how they stand."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from scenes.draw_fields import AnyNumber, NameDraw, NotNegative, Positive
from scenes.records import Name, Record, Split


class PartSpec(Record):
    """One part to draw from: of the library, or a CAD file.

    Attributes:
        name: What it is called; the library's or the file's name where left out.
        library: Name in `scenes.library.catalog`.
        file: STL, OBJ, PLY, OFF, 3MF or STEP file; a relative path counts from the dataset file.
        dimensions: Of a library part: draws by name.
        unit: Of the file; STEP and 3MF carry their own.
        scale: Draw of a factor on all lengths.
        tolerance_mm: How far the facets of a STEP file may lie from its true surface.
        repair: Whether holes may be closed.
        material: Draw of a name for the whole part.
        materials: Names by body, for parts of several.
        host: The body that defects sit in; the first one where left out.
        weight: Chance against the other parts.
        split: Fixes the split of its scenes, else a hash of the name decides.
    """

    name: Name | None = None
    library: str | None = None
    file: str | None = None
    dimensions: dict[str, AnyNumber] = {}
    unit: str | None = None
    scale: Positive = 1.0
    tolerance_mm: float = Field(default=0.1, gt=0)
    repair: bool = False
    material: NameDraw = None
    materials: dict[str, NameDraw] = {}
    host: str | None = None
    weight: float = Field(default=1.0, gt=0)
    split: Split | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "PartSpec":
        if (self.library is None) == (self.file is None):
            raise ValueError("give either library: NAME or file: PATH")
        if self.file is not None and self.material is None and not self.materials:
            raise ValueError(f"{self.file} needs a material, such as material: Al")
        return self

    @property
    def key(self) -> str:
        """The name, made from the source where none is given."""
        stem = self.library or Path(self.file or "").stem
        return self.name or "".join(c if c.isalnum() else "_" for c in stem.lower()).strip("_") or "part"


class PoseSpec(Record):
    """How parts stand on the stage.

    Attributes:
        orientation: `uniform` over all rotations, `fixture` (upright, turned and tilted), or `upright`.
        turn_deg: Draw of the turn about the vertical axis, for a fixture.
        tilt_deg: Draw of the tilt away from it, towards any side, for a fixture.
        shift_mm: Draw of the shift away from the rotation axis, towards any side.
    """

    orientation: Literal["uniform", "fixture", "upright"] = "uniform"
    turn_deg: AnyNumber = Field(default_factory=lambda: [0, 360])
    tilt_deg: NotNegative = Field(default_factory=lambda: [0, 15])
    shift_mm: NotNegative = 0.0

    @model_validator(mode="after")
    def _no_idle_words(self) -> "PoseSpec":
        idle = sorted({"turn_deg", "tilt_deg"} & self.model_fields_set)
        if idle and self.orientation != "fixture":
            raise ValueError(f"{idle[0]} means something for orientation: fixture only, got {self.orientation}")
        return self
