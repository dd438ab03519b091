"""What stands around gVirtualXray: what it is given, and what is said when it is not there, refuses or dies."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim import doctor
from ctsim.backends import gvxr
from ctsim.dataset.generate import generate
from ctsim.radiograph import backend_of
from ctsim.shards import read_samples
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim import small
from tests.ctsim.chords import scanner
from tests.ctsim.shapes import letter_f, triangles_of

BOX = Manifold.cube((30, 20, 40), True)
BLANK = "say(np.zeros((1, view[0]['rows'], view[0]['columns']), np.float32))"


@pytest.fixture
def real():
    """Skip where gVXR cannot run."""
    if reason := gvxr.unavailable():
        pytest.skip(reason)


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Return what puts a program of our own in gVXR's place, so that it does what a test needs."""

    def put(begins: str, answers: str) -> None:
        (tmp_path / "stand_in.py").write_text(
            "import os, pickle, sys\nimport numpy as np\n"
            "def say(answer):\n    pickle.dump(answer, sys.stdout.buffer)\n    sys.stdout.buffer.flush()\n"
            f"{begins}\nwhile True:\n    job = pickle.load(sys.stdin.buffer)\n"
            f"    for k, view in enumerate(job['views']):\n        {answers}\n"
        )
        monkeypatch.setattr(gvxr, "WORKER", tmp_path / "stand_in.py")
        monkeypatch.setattr(gvxr, "require", lambda: None)

    monkeypatch.setattr(gvxr, "_idle", [])
    yield put
    for process in gvxr._idle:
        process.end()


def lengths_of(solid: Manifold, geometry) -> np.ndarray:
    return np.concatenate([image for _, image in gvxr.path_lengths(triangles_of(solid), geometry, 1)])


def test_large_faces_are_cut_without_moving_the_surface():
    vertices, faces = gvxr._surface(triangles_of(BOX), 0, 1.5)
    corners = vertices[faces]
    assert np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max() <= 1.5 * np.sqrt(3) + 1e-9
    np.testing.assert_allclose(np.abs(vertices / [15, 10, 20]).max(1), 1, atol=1e-12)  # on the box's six planes
    volume = np.sum(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])) / 6  # exact for a closed surface
    assert volume == pytest.approx(30 * 20 * 40)


def test_the_cut_follows_the_distance_to_the_source_and_ends_where_the_source_touches(monkeypatch):
    g = scanner()
    far, near = Manifold.cube((10, 10, 10), True), Manifold.cube((10, 10, 10), True).translate((-150, 0, 0))
    assert gvxr._edge_mm(triangles_of(far), g) == pytest.approx(195 / 200)
    assert gvxr._edge_mm(triangles_of(near), g) == pytest.approx(45 / 200)
    monkeypatch.setattr(gvxr, "MOST_TRIANGLES", 20_000)
    touching = triangles_of(Manifold.cube((10, 10, 10), True).translate((-195, 0, 0)))
    _, faces = gvxr._surface(touching, 0, gvxr._edge_mm(touching, g))
    assert 10_000 < len(faces) < 40_000


def test_corners_that_each_face_has_for_itself_are_joined_first():
    """As STL files have them."""
    whole = triangles_of(letter_f())
    loose = replace(
        whole, vertices_mm=whole.vertices_mm[whole.faces.ravel()], faces=np.arange(whole.faces.size).reshape(-1, 3)
    )
    np.testing.assert_array_equal(gvxr._surface(loose, 0, 5.0)[1].shape, gvxr._surface(whole, 0, 5.0)[1].shape)


def without_a_face(triangles):
    return replace(triangles, faces=triangles.faces[1:], materials=triangles.materials[1:])


def inside_out(triangles):
    return replace(triangles, faces=triangles.faces[:, ::-1])


def with_nan(triangles):
    vertices = triangles.vertices_mm.copy()
    vertices[0, 0] = np.nan
    return replace(triangles, vertices_mm=vertices)


def behind_the_source(triangles):
    return replace(triangles, vertices_mm=triangles.vertices_mm - [210.0, 0, 0])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (without_a_face, "an open surface"),
        (inside_out, "an inside out surface"),
        (with_nan, "not finite"),
        (behind_the_source, "reaches behind the source in view 0; move it, or raise source_object_mm"),
    ],
)
def test_what_gvxr_would_draw_wrongly_is_refused_before_it_sees_it(harm, message):
    with pytest.raises(BadInput, match=message):
        list(gvxr.path_lengths(harm(triangles_of(BOX)), scanner(), 1))


def test_pixels_that_are_no_rectangles_are_refused():
    g = scanner()
    with pytest.raises(BadInput, match="rows must be at a right angle to its columns"):
        lengths_of(BOX, replace(g, u_mm=g.u_mm + 0.1 * g.v_mm))


def test_a_missing_extra_is_said_at_the_door_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(gvxr.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'ctsim\[gvxr\]'; or choose backend: mesh"):
        backend_of("gvxr")


def test_a_missing_library_of_the_system_is_named_with_the_line_that_installs_it(stand_in, monkeypatch):
    monkeypatch.setattr(doctor, "_loads", lambda library: library != "libOpenGL.so.0")
    stand_in("say('libOpenGL.so.0: cannot open shared object file'); sys.exit()", "pass")
    with pytest.raises(BadInput, match=r"\(libOpenGL\.so\.0: cannot open.*apt-get install libopengl0; or"):
        lengths_of(BOX, scanner())


def test_the_doctor_names_what_is_missing_and_what_installs_it(monkeypatch):
    monkeypatch.setitem(doctor.LIBRARIES, "gvxr", {"libc.so.6": "libc6", "libnosuch.so.7": "libnosuch7"})
    found = doctor.examine()["extras"]["gvxr"]
    assert found["missing"][-1] == "libnosuch7"
    assert found["install"].endswith("on Debian and Ubuntu apt-get install libnosuch7")


def test_gvxr_dying_in_the_middle_is_one_message_and_the_next_scan_begins_anew(stand_in):
    stand_in("say(None)", f"{BLANK}; k == 1 and (print('bad mesh', file=sys.stderr, flush=True), os.abort())")
    with pytest.raises(BadInput, match=r"ended in view 2 of 4 \(exit code -6\); its last words: bad mesh; choose"):
        lengths_of(BOX, scanner(views=4))
    assert lengths_of(BOX, scanner(views=1)).shape == (1, 1, 64, 80)


def test_gvxr_dying_as_it_is_loaded_is_one_message(stand_in):
    stand_in("os.abort()", "pass")
    with pytest.raises(BadInput, match=r"ended while it was loaded \(exit code -6\); choose backend: mesh"):
        lengths_of(BOX, scanner())


def test_its_process_is_kept_for_the_next_scan_unless_one_was_left_in_the_middle(stand_in):
    stand_in("say(None)", BLANK)
    lengths_of(BOX, scanner(views=3))
    (kept,) = gvxr._idle
    lengths_of(BOX, scanner(views=2))
    assert gvxr._idle == [kept]
    left = gvxr.path_lengths(triangles_of(BOX), scanner(views=3), 1)
    next(left)
    left.close()
    assert gvxr._idle == []
    assert kept.process.poll() is not None


def test_two_scans_at_once_do_not_mix(stand_in):
    stand_in("say(None)", BLANK)
    one = gvxr.path_lengths(triangles_of(BOX), scanner(views=2, rows=16), 1)
    other = gvxr.path_lengths(triangles_of(BOX), scanner(views=2, rows=32), 1)
    shapes = [(a[1].shape[2], b[1].shape[2]) for a, b in zip(one, other, strict=True)]
    assert shapes == [(16, 32), (16, 32)]


def test_a_detector_drawn_in_tiles_is_the_detector(monkeypatch, real):
    solid, g = letter_f().rotate((10, 20, 30)), scanner(views=2, start_deg=12)
    whole = lengths_of(solid, g)
    monkeypatch.setattr(gvxr, "TILE", 30)
    np.testing.assert_allclose(lengths_of(solid, g), whole, atol=2e-4)


@pytest.mark.slow
def test_a_dataset_is_made_with_gvxr_as_with_our_own(tmp_path, real):
    made = {}
    for name in ("gvxr", "mesh", "reference"):
        (tmp_path / name).mkdir()
        values = small.changed(("scan", "backend"), name) | {"scenes": 1}
        values["scan"] |= {"noise": False}
        spec = read_dataset_spec(small.write(tmp_path / name, values))
        generate(spec, tmp_path / name / "out", folder=tmp_path / name, workers=1)
        (made[name],) = read_samples(tmp_path / name / "out")
    assert made["gvxr"]["scene"]["made_by"]["backend"].startswith("gvxr")
    np.testing.assert_array_equal(made["gvxr"]["labels"], made["mesh"]["labels"])
    # 0.005 mm of aluminium, a count in 50 000 behind 20 mm of it, and float16
    seen = {name: sample["projections"].astype(float) for name, sample in made.items()}
    np.testing.assert_allclose(seen["mesh"], seen["reference"], atol=2e-3)
    # at the tip of a pore gVXR loses a ray and fills it in from its neighbours: ours there is the exact one
    lost = np.abs(seen["gvxr"] - seen["mesh"]) > 2e-3
    assert np.count_nonzero(lost) <= 1
    about = [np.roll(seen["gvxr"], shift, (1, 2)) for shift in itertools.product((-1, 0, 1), repeat=2) if any(shift)]
    assert np.all(seen["gvxr"][lost] >= np.min(about, axis=0)[lost])
    assert np.all(seen["gvxr"][lost] <= np.max(about, axis=0)[lost])
