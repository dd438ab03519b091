"""The process that gVirtualXray lives in: `ctsim.backends.gvxr` runs this file as a program and never imports it.

gVXR keeps one scene in global state, takes seconds to load and ends its process where something goes wrong, so it is
given one of its own. Jobs come in on standard input and images go out on standard output, pickled. gVXR's set-up and
tear-down all stand here.

Facts about gVXR 2.1.0 that this file rests on, each found by trial:

* Without a spectrum, and for surfaces added as outer ones, its length buffers come out empty.
* Its filter against artefacts is on unless turned off, and turned on again by the first spectrum and by every change of
  the number of pixels. It is wrong by 0.1 mm, at times by 2 mm, in single pixels of silhouettes, makes coincident faces
  vanish and takes three fourths of the time. Closed surfaces need none.
* The first row of a length buffer is the lowest against the "up" vector. "Right" must be to the right of "up" as the
  source sees the detector; the other hand gives an empty image without a word.
"""

import os
import pickle
import sys

import numpy as np

MM_PER_CM = 10


def main() -> None:
    """Answer jobs until the other end closes."""
    # whatever a library prints must not stand between the answers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(answer: object) -> None:
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    try:
        gvxr = _begin()
    except (ImportError, RuntimeError) as error:
        say(str(error))
        return
    say(None)
    number = 0
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        number += 1
        for image in _images(gvxr, number, **job):
            say(image)
    os._exit(0)  # gVXR's own end has nothing to save, and may wait for a display


def _begin():
    """Return gVXR with a context to draw in; nothing is shown anywhere."""
    from gvxrPython3 import gvxr

    gvxr.useLogFile(os.devnull)
    gvxr.createWindow(0, 0, "EGL")
    gvxr.usePointSource()
    gvxr.setMonoChromaticPerPixelAtSDD(80, "keV", 1)
    return gvxr


def _images(gvxr, number, surfaces, views):
    """Yield the path of every ray in every surface [mm], [surface row col]: one array for each tile of each view.

    Args:
        gvxr: The library.
        number: Of the job: no label is used twice.
        surfaces: Vertices [mm] and faces of each; None for one that is empty.
        views: For each view its tiles: source, centre, u and v [mm], rows and columns.
    """
    labels = [f"{number}-{i}" for i in range(len(surfaces))]
    for label, surface in zip(labels, surfaces, strict=True):
        if surface is not None:
            vertices, faces = surface
            gvxr.makeTriangularMesh(label, vertices.ravel().tolist(), faces.ravel().tolist(), "mm")
            gvxr.addPolygonMeshAsInnerSurface(label)
    for tiles in views:
        for tile in tiles:
            mirrored = _look(gvxr, **tile)
            image = np.zeros((len(surfaces), tile["rows"], tile["columns"]), np.float32)
            for i, surface in enumerate(surfaces):
                if surface is not None:
                    lowest_first = np.array(gvxr.computeLBuffer(labels[i]), np.float32) * MM_PER_CM
                    image[i] = lowest_first[::-1, ::-1] if mirrored else lowest_first[::-1]
            yield image
    gvxr.removePolygonMeshesFromSceneGraph()


def _look(gvxr, source_mm, centre_mm, u_mm, v_mm, rows, columns):
    """Set source and detector up, and return whether the columns come out in reverse."""
    width, height = np.linalg.norm(u_mm), np.linalg.norm(v_mm)
    mirrored = np.cross(u_mm, v_mm) @ (centre_mm - source_mm) < 0
    gvxr.setSourcePosition(*map(float, source_mm), "mm")
    gvxr.setDetectorPosition(*map(float, centre_mm), "mm")
    gvxr.setDetectorNumberOfPixels(columns, rows)
    gvxr.setDetectorPixelSize(float(width), float(height), "mm")
    gvxr.setDetectorUpVector(*map(float, -v_mm / height))
    gvxr.setDetectorRightVector(*map(float, (-u_mm if mirrored else u_mm) / width))
    gvxr.disableArtefactFiltering()  # after the number of pixels
    return mirrored


if __name__ == "__main__":
    main()
