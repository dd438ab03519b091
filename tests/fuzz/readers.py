"""All that reads files: small valid files made here, how to make others of them, and how each is read."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import yaml
from manifold3d import Manifold

from ctsim.scenario.bad_pixels import read_bad_pixels
from ctsim.scenario.read import read_scenario
from ctsim.scenario.values import Book, Node, read_table
from ctsim.shards import Samples, array_bytes, read_shard
from ctsim.shards.arrays import array_of
from defects.messages import BadInput
from scenes.body import Body
from scenes.cad.importer import read_solids
from scenes.json_file import read_json
from scenes.parts import Part, _file_part, load_part, save_solids
from scenes.records import validated
from scenes.sample import sample
from scenes.scene import PartChoice, read_scene_spec
from scenes.spec import DatasetSpec, read_dataset_spec
from scenes.trajectory import TrajectorySpec
from scenes.vector_files import read_vectors
from tests.ctsim import scenarios, small
from tests.ctsim.shards import setups
from tests.fuzz import mutate
from tests.fuzz.step_text import tetrahedron

CUBE = 10.0 * small.CORNERS
TABLE = b"# keV\tphotons\nE N\n20\t1e5\n40 2e5\n60;3.5e5\n80,1e4\n"
QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A kind of file.

    Attributes:
        file: Its name.
        seeds: Valid files.
        read: Reads one, all of it.
        others: Makes another of one.
        beside: Writes what lies beside it.
        quick: How many the quick test tries.
    """

    file: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    others: mutate.Mutate = mutate.spoiled
    beside: Callable[[Path], Any] = lambda folder: None
    quick: int = 200


# --- CAD files ---


def _rows(rows: Any, word: str = "") -> str:
    return "".join(f"{word}{' '.join(map(str, row))}\n" for row in rows)


def _stl_text() -> bytes:
    facets = "".join(
        "facet normal 0 0 1\nouter loop\n" + _rows(CUBE[face].tolist(), "vertex ") + "endloop\nendfacet\n"
        for face in small.FACES
    )
    return f"solid one\n{facets}endsolid one\nsolid one\n{facets.replace('10.0', '5.0')}endsolid one\n".encode()


def _obj() -> list[bytes]:
    points, quads = _rows(CUBE.tolist(), "v "), np.array(QUADS)
    first, *others = [f"f {' '.join(f'{n + 1}/{n + 1}/1' for n in face)}\n" for face in QUADS]
    rest = "".join(others)
    return [
        (points + _rows((small.FACES + 1).tolist(), "f ")).encode(),
        f"mtllib a.mtl\no cube\n{points}vt 0 0\nvn 0 0 1\nusemtl red\n{first}usemtl blue\n{rest}".encode(),
        (points + _rows((quads - 8).tolist(), "f ")).encode(),
    ]


def _ply() -> list[bytes]:
    def header(kind: str, faces: int) -> bytes:
        return (
            f"ply\nformat {kind} 1.0\ncomment x\nelement vertex 8\n"
            f"property float x\nproperty float y\nproperty float z\n"
            f"element face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
        ).encode()

    def binary(order: str, faces: Any) -> bytes:
        lists = b"".join(bytes([len(face)]) + np.array(face, f"{order}i4").tobytes() for face in faces)
        kind = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
        return header(kind, len(faces)) + CUBE.astype(f"{order}f4").tobytes() + lists

    mixed = [*QUADS[:5], *((1, 5, 7), (1, 7, 3))]
    text = header("ascii", 12) + (_rows(CUBE.tolist()) + _rows(small.FACES.tolist(), "3 ")).encode()
    return [text, binary("<", small.FACES.tolist()), binary(">", QUADS), binary("<", mixed)]


def _off() -> list[bytes]:
    body = _rows(CUBE.tolist()) + _rows(QUADS, "4 ")
    coloured = _rows([[*point, 1, 0, 0, 1] for point in CUBE.tolist()]) + _rows(small.FACES.tolist(), "3 ")
    return [f"OFF\n# a cube\n8 6 0\n{body}".encode(), f"COFF 8 12 0\n{coloured}".encode()]


def _3mf() -> list[bytes]:
    name = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in CUBE.tolist())
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in small.FACES.tolist())
    mesh = (
        f'<object id="1" name="a"><mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh></object>'
    )
    group = (
        '<object id="2"><components><component objectid="1"/>'
        '<component objectid="1" transform="-1 0 0 0 1 0 0 0 1 40 0 0"/></components></object>'
    )
    far = '<component objectid="1" p:path="/3D/other.model" transform="1 0 0 0 1 0 0 0 1 99 0 0"/>'
    alone = f'<model xmlns="{name}"><resources>{mesh}</resources><build><item objectid="1"/></build></model>'
    whole = (
        f'<?xml version="1.0"?><model unit="inch" xmlns="{name}" xmlns:p="x"><resources>{mesh}{group}<object id="3">'
        f'<components>{far}</components></object></resources><build><item objectid="2" partnumber="n"/>'
        f'<item objectid="3"/></build></model>'
    )
    found = []
    for files in ({"3D/3dmodel.model": alone}, {"3D/3dmodel.model": whole, "3D/other.model": alone}):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in files.items():
                archive.writestr(file, text)
        found.append(stream.getvalue())
    return found


def _solids(unit: str | None) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        found = None
        for repair in (False, True):
            try:
                found = read_solids(path, unit=unit, repair=repair)
            except BadInput as error:
                told = error
        if found is None:
            raise told
        return found

    return read


def _part() -> list[bytes]:
    cube = Manifold.cube((10.0, 20.0, 30.0), True)
    two = (Body(name="a", solid=cube, material=""), Body(name="b", solid=cube.translate((40.0, 0.0, 0.0)), material=""))
    return [save_solids(two[:1]), save_solids(two)]


def _read_part(path: Path) -> Any:
    _file_part.cache_clear()
    return load_part(PartChoice(name="part", file=path.name, materials={}, host=""), path.parent)


# --- specs, scenes and scenarios ---

RICH = """
name: rich
scenes: 4
twins: true
shared: {age: [0, 10]}
parts:
  - &cube {name: cube, file: cube.stl, unit: mm, material: {choice: [Al, Fe]}, scale: [0.9, 1.1]}
  - {library: flange, material: steel, split: test, weight: 2.0e+0}
pose: {orientation: fixture, tilt_deg: [0, 20]}
stage: {parts: [1, 2], arrangement: {choice: [stack, row]}, gap_mm: touching}
defects:
  - {kind: gas_pore, count: {poisson: 6}, diameter_mm: {lognormal: [2.5, 0.4], within: [1, 6]}, place: {thickest: 0.3}}
  - {kind: crack, count: [0, 2], length_mm: [6, 15], opening_mm: [0.1, 0.6]}
scan:
  penetration: {transmission: 0.01, tube_kv: [80, 450], quanta: 200}
  filters: {Cu: {of: tube_kv, table: [[80, 0.1], [225, 1.0], [450, 3.0]]}}
  trajectory: {range_deg: short, deviations: [{of: source, axis: u, shift_mm: [0, 0.05]}]}
  detector: {rows: 32, columns: 32, pixel_mm: 2.5, mtf: [[0, 1], [0.1, 0.5]], lag: [[0.02, 3.0]]}
volume: {voxels: 32, window: hann}
"""


def _specs() -> list[bytes]:
    detector = {"rows": 32, "columns": 32, "pixel_mm": 1.0}
    path = {"trajectory": {"vectors": "scan.csv"}, "detector": detector}
    vectors = {**small.SPEC, "scan": {**small.SPEC["scan"], **path}}
    return [yaml.safe_dump(small.SPEC).encode(), RICH.encode(), yaml.safe_dump(vectors).encode()]


def _cube(folder: Path) -> None:
    (folder / "cube.stl").write_bytes(small.stl())
    (folder / "scan.csv").write_text("\n".join(",".join(map(str, row)) for row in mutate.vectors(24).tolist()))


def _scenes() -> list[bytes]:
    part = Part(bodies=(Body(name="part", solid=Manifold.cube((20.0, 20.0, 20.0), True), material="Al"),))
    scene = sample(DatasetSpec.model_validate(small.SPEC), 0, lambda choice: part)
    return [json.dumps({"scene": scene.to_json()}).encode()]


def _scenario() -> list[bytes]:
    files = scenarios.scenario()
    files["source"]["spectrum"] = {"monochromatic": False, "file": {"value": "beam.tsv"}}
    files["detector"]["bad_pixel_map"] = {"file": {"value": "bad.raw"}, "type": "int16"}
    files["geometry"]["detector"]["deviations"] = [
        {
            "type": "rotation",
            "axis": "w",
            "amount": {"value": 1, "unit": "deg", "drifts": [{"value": [0, 1], "unit": "deg"}]},
        }
    ]
    return [json.dumps(scenarios.scenario()).encode(), json.dumps(files).encode()]


def _beside_scenario(folder: Path) -> None:
    scenarios.write(folder, {}, "none.json")
    (folder / "beam.tsv").write_bytes(TABLE)
    (folder / "bad.raw").write_bytes(np.full((30, 40), -1, "<i2").tobytes())


# --- tables, arrays, images, shards ---


def _vectors() -> np.ndarray:
    return mutate.vectors(5)


def _csv() -> list[bytes]:
    return [
        _rows(_vectors().round(3).tolist()).encode(),
        b"# a\n" + _rows(_vectors().tolist()).replace(" ", ";").encode(),
    ]


def _path(path: Path) -> Any:
    rows = read_vectors(path)
    return validated(TrajectorySpec, {"vectors": rows}, path.name)


def _npy() -> list[bytes]:
    columns = io.BytesIO()
    np.save(columns, np.asfortranarray(_vectors().astype(">f4")))
    return [array_bytes(_vectors()), columns.getvalue()]


def _tiffs() -> list[bytes]:
    image = np.full((30, 40), -1, np.int16)
    image[3, 4:9] = 7
    found = []
    for kind, how in (("<i2", {}), (">f4", {"byteorder": ">", "rowsperstrip": 7}), ("<f4", {"compression": "zlib"})):
        stream = io.BytesIO()
        tifffile.imwrite(stream, image.astype(kind), **how)
        found.append(stream.getvalue())
    return found


def _map(path: Path) -> Any:
    return read_bad_pixels(Node({"file": path.name}, "map", Book(file=path.with_name("x.json"))), 30, 40)


def _shard() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        setups.shard(Path(folder, "a.tar"), (1, 2))
        return [Path(folder, "a.tar").read_bytes()]


def _dataset_file(name: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            return [(setups.dataset(Path(folder, "d"), (2, 1)) / name).read_bytes()]

    return seeds


def _samples(path: Path) -> Any:
    samples = Samples(path.parent)
    for key in samples.keys[:3]:
        samples.array(key, "volume", (slice(1, 3),))
        samples.array(key, "labels")
    return [samples[key] for key in samples.keys[:3]]


def _array(compressed: bool) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        try:
            return array_of(path.read_bytes(), compressed=compressed, most_bytes=1 << 20)
        except ValueError as error:  # which is what it raises: its callers know the file's name
            raise BadInput(str(error)) from error

    return read


READERS = {
    "stl": Reader(file="a.stl", seeds=lambda: [small.stl(), _stl_text()], read=_solids("mm"), quick=100),
    "obj": Reader(file="a.obj", seeds=_obj, read=_solids("mm"), quick=100),
    "ply": Reader(file="a.ply", seeds=_ply, read=_solids("mm"), quick=100),
    "off": Reader(file="a.off", seeds=_off, read=_solids("mm"), quick=100),
    "3mf": Reader(file="a.3mf", seeds=_3mf, read=_solids(None), others=mutate.zip_file, quick=100),
    "step": Reader(file="a.step", seeds=lambda: [tetrahedron().encode()], read=_solids(None), quick=3),
    "npz": Reader(file="a.npz", seeds=_part, read=_read_part, others=mutate.zip_file),
    "yaml": Reader(
        file="a.yaml", seeds=_specs, read=read_dataset_spec, others=mutate.yaml_file, beside=_cube, quick=100
    ),
    "json": Reader(
        file="a.json", seeds=lambda: [b'{"a": [1, 2.5, {"b": null}]}'], read=read_json, others=mutate.json_file
    ),
    "scene": Reader(file="a.json", seeds=_scenes, read=read_scene_spec, others=mutate.json_file),
    "scenario": Reader(
        file="a.json", seeds=_scenario, read=read_scenario, others=mutate.json_file, beside=_beside_scenario, quick=100
    ),
    "table": Reader(file="a.tsv", seeds=lambda: [TABLE], read=lambda path: read_table(path, 2)),
    "csv": Reader(file="a.csv", seeds=_csv, read=_path),
    "npy": Reader(file="a.npy", seeds=_npy, read=_path, others=mutate.npy_file),
    "tiff": Reader(file="a.tif", seeds=_tiffs, read=_map),
    "raw": Reader(file="a.raw", seeds=lambda: [np.full((30, 40), -1, "<i2").tobytes()], read=_map),
    "tar": Reader(file="a.tar", seeds=_shard, read=lambda path: list(read_shard(path)), others=mutate.tar_file),
    "dataset": Reader(
        file="dataset.json", seeds=_dataset_file("dataset.json"), read=_samples, others=mutate.json_file,
        beside=lambda folder: setups.dataset(folder, (2, 1)),
    ),
    "index": Reader(
        file="train-000000.tar.index.json", seeds=_dataset_file("train-000000.tar.index.json"), read=_samples,
        others=mutate.json_file, beside=lambda folder: setups.dataset(folder, (2, 1)),
    ),
    "array": Reader(file="b.npy", seeds=lambda: [array_bytes(_vectors())], read=_array(False), others=mutate.npy_file),
    "zst": Reader(
        file="b.npy.zst", seeds=lambda: [array_bytes(_vectors(), compressed=True)], read=_array(True),
        others=mutate.zst_file,
    ),
}  # fmt: skip
