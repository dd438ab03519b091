"""STEP files read: OpenCASCADE meshes their bodies, through cascadio, in mm."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from defects.messages import BadInput
from scenes.cad.contents import Contents, piece_of

STEPS = {".step": "STEP", ".stp": "STEP"}
STEP_SECONDS = 900
STEP_BYTES = 1 << 33  # of memory: ten times what the largest part that was tried takes, of 1.3 million triangles
MESH_BYTES = 1 << 30  # of the OBJ that it writes: eight million triangles
SAID_BYTES = 1 << 16  # of what it says that are looked at
# trimesh is only wanted by cascadio's glTF extension, and costs a second to import; Windows sets no limits
CHILD = """
import sys
try:
    import resource
    for kind, most in ((resource.RLIMIT_AS, int(sys.argv[1])), (resource.RLIMIT_FSIZE, int(sys.argv[2]))):
        soft, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (min([most] + [n for n in (soft, hard) if n != resource.RLIM_INFINITY]), hard))
except ImportError:
    pass
sys.modules["trimesh"] = None
import cascadio
sys.exit(cascadio.step_to_obj(sys.argv[3], sys.argv[4], float(sys.argv[5]), float(sys.argv[6]), use_colors=False))
"""


def read_step(path: Path, data: bytes, tolerance_mm: float, tolerance_deg: float) -> Contents:
    """Return the bodies of a STEP file, meshed by OpenCASCADE, one piece a body, in mm.

    The conversion runs in a process of its own: OpenCASCADE writes to the screen, and a crash would take Python along.
    """
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"ISO-10303-21"):
        raise BadInput(f"{path.name} does not begin with 'ISO-10303-21;'; it is no STEP file: export it again")
    if b"END-ISO-10303-21" not in data:
        raise BadInput(f"{path.name} stops before 'END-ISO-10303-21;'; it is truncated: export or copy it again")
    if importlib.util.find_spec("cascadio") is None:
        raise BadInput(f"{path.name}: STEP files are read by cascadio, which is not here; pip install 'ctsim[step]'")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "part.step"), Path(folder, "part.obj")
        source.write_bytes(data)
        convert(path.name, source, target, tolerance_mm, tolerance_deg)
        try:
            return split_obj(target.read_text(encoding="utf-8", errors="replace"))
        except ValueError as error:  # such as a coordinate of "-nan(ind)"
            raise BadInput(f"{path.name}: OpenCASCADE meshed it to nonsense ({error}); export it again") from None


def convert(name: str, source: Path, target: Path, tolerance_mm: float, tolerance_deg: float) -> None:
    """Write the OBJ of a STEP file.

    Raises:
        BadInput: When OpenCASCADE fails, crashes or takes more than 15 minutes.
    """
    steps = [str(STEP_BYTES), str(MESH_BYTES), str(source), str(target)]
    steps += [repr(tolerance_mm), repr(float(np.radians(tolerance_deg)))]
    log = target.with_name("said")
    try:
        with log.open("wb") as said:  # it may say a line an entity, and a file is cut at its limit where a pipe is not
            run = subprocess.run(
                [sys.executable, "-P", "-c", CHILD, *steps],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=STEP_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"{name}: meshing took more than {STEP_SECONDS} s; expected a part that meshes faster: "
            f"raise tolerance_mm (now {tolerance_mm:g} mm) or tolerance_deg (now {tolerance_deg:g})"
        ) from None
    if run.returncode or not target.exists():
        with log.open("rb") as stream:
            text = re.sub(r"\x1b\[[0-9;]*m|\*+", "", stream.read(SAID_BYTES).decode(errors="replace"))
        said = [line.strip() for line in text.splitlines() if line.strip()]
        why = re.sub(r'"[^"]*"', "the file", said[0])[:160] if said else f"exit code {run.returncode}"
        raise BadInput(f"{name}: OpenCASCADE could not read it ({why}); expected a whole STEP file: export it again")


def split_obj(text: str) -> Contents:
    """Return the groups of an OBJ as OpenCASCADE writes it: one a body, with global vertex numbers.

    (trimesh merges groups of one name, and an assembly has twelve that are called 'nut'.)
    """
    head, *groups = re.split(r"^g ", text, flags=re.MULTILINE)
    points, pieces, left_out = [numbers(head, "v")], [], 0
    for group in groups:
        points.append(numbers(group, "v"))
        corners = [line[2:] for line in group.splitlines() if line.startswith("f ")]
        first = np.array(re.sub(r"/\S*", "", " ".join(corners)).split(), dtype=np.int64).reshape(-1, 3) - 1
        left_out += not corners
        if corners:
            pieces.append((group.partition("\n")[0].strip(), first))
    vertices = np.concatenate(points)
    return Contents(
        pieces=tuple(piece_of(name, vertices, faces) for name, faces in pieces),
        unit="mm",
        left_out=left_out,
    )


def numbers(block: str, tag: str) -> np.ndarray:
    """Return the three numbers `[line 3]` after a tag."""
    lines = [line[len(tag) + 1 :] for line in block.splitlines() if line.startswith(f"{tag} ")]
    return np.array(" ".join(lines).split(), dtype=np.float64).reshape(-1, 3)
