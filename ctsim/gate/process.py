"""The process that GATE lives in: `ctsim.gate.runs` runs this file as a program and never imports it.

Its one argument is a folder: `job.pickle` lies there, and `sums.pickle` does once all has gone well. Geant4 keeps one
simulation a process, reads its settings from the environment as it is loaded, and ends its process where something is
wrong. GATE's set-up stands here, and what is made of the photons that it wrote down.

All is in the panel's frame: the source in the origin, x along the panel's normal, z against its columns.

Facts about opengate 10.1.1 and Geant4 11.4.0 that this file rests on, each found by trial:

* Under the Gamma General Process Rayleigh scattering vanishes below 150 keV, and counts as Compton's: it is turned off.
* A cut for all particles takes fluorescence away too: each gets its own.
* A mesh is moved by the mean of its vertices unless `origin_at_cog` is off.
* Directions are those that photons come from: an azimuth of 180 deg and an inclination of 90 deg fly along +x.
"""

import contextlib
import ctypes
import pickle
import signal
import sys
from pathlib import Path

import numpy as np

PRIMARY, COMPTON, RAYLEIGH, MULTIPLE, FLUORESCENCE = range(5)
"""As in `ctsim.montecarlo.arrivals`."""

EMPTY = "G4_Galactic"

SKIN_MM = 1e-3
"""Thickness of the empty plate that photons are noted on."""

ATTRIBUTES = ("KineticEnergy", "PrePositionLocal", "EventDirection", "ParentID", "compton", "rayleigh")

KEV_PER_MEV = 1000

AT_ONCE = "64 MB"
"""Of the photons that were written down."""


def main(folder: Path) -> None:
    """Do the job that lies in a folder."""
    with contextlib.suppress(AttributeError, OSError):  # only Linux can; nobody waits for an orphan's result
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    job = pickle.loads((folder / "job.pickle").read_bytes())
    _send_out(folder, **job)
    sums = _sums(folder / "panel.root", **job["panel"])
    (folder / "sums.pickle").write_bytes(pickle.dumps(sums))


def _send_out(folder, matter, physics, tube, panel, seed):
    """Send photons out, and write down those that reach the panel, in `panel.root`.

    Args:
        folder: Where the photons go.
        matter: What stands in the world, as `_add_matter` takes it.
        physics: What photons do there, as `_set_physics` does.
        tube: Where they come from, as `_add_tube` does.
        panel: Where they arrive, as `_sums` does.
        seed: Of the random numbers.
    """
    import opengate as gate

    sim, unit = gate.Simulation(), gate.g4_units
    sim.output_dir, sim.random_seed, sim.number_of_threads = str(folder), seed, 1
    sim.verbose_level, sim.g4_verbose_level = "WARNING", 0
    _add_matter(sim, unit, **matter)
    _add_plate(sim, unit, panel["distance_mm"], panel["ends_mm"])
    _set_physics(sim, unit, **physics)
    _add_tube(sim, unit, **tube)
    _write_down(sim)
    sim.run()


def _add_matter(sim, unit, materials, solids, voxels, world_mm):
    """Put what stands on the stage into an empty world.

    Args:
        sim: The simulation.
        unit: Geant4's units.
        materials: Name, density [g/cm3], symbols and mass fractions of each.
        solids: File and material of each mesh; empty where there are voxels.
        voxels: File, side [mm], rotation and centre [mm] of a grid; its values number the materials from 1.
        world_mm: Half the side of the world.
    """
    sim.check_volumes_overlap = False
    sim.world.size, sim.world.material = [2 * world_mm * unit.mm] * 3, EMPTY
    for name, density, symbols, fractions in materials:
        database = sim.volume_manager.material_database
        database.add_material_weights(name, symbols, fractions, density * unit.g_cm3)
    for i, (file, material) in enumerate(solids):
        solid = sim.add_volume("TesselatedVolume", f"solid{i}")
        solid.file_name, solid.material = file, material
        solid.size_unit, solid.origin_at_cog = unit.mm, False
    if voxels:
        _add_voxels(sim, unit, [name for name, *_ in materials], *voxels)


def _add_voxels(sim, unit, materials, file, side_mm, rotation, centre_mm):
    """Add a grid of voxels to the world."""
    import itk

    image = itk.image_from_array(np.load(file))
    image.SetSpacing([side_mm] * 3)
    grid = sim.add_volume("ImageVolume", "voxels")
    # ITK takes 15 s to get ready to read a file, whatever its size
    grid.load_input_image = lambda path=None: image
    grid.material, grid.voxel_materials = EMPTY, [[-0.5, 0.5, EMPTY]]
    grid.voxel_materials += [[i - 0.5, i + 0.5, name] for i, name in enumerate(materials, start=1)]
    grid.rotation, grid.translation = np.array(rotation), [c * unit.mm for c in centre_mm]


def _add_plate(sim, unit, distance_mm, ends_mm):
    """Add the empty plate that stands for the panel."""
    plate = sim.add_volume("Box", "plate")
    plate.material = EMPTY
    plate.size = [SKIN_MM * unit.mm, *((ends_mm[1] - ends_mm[0]) * unit.mm)]
    plate.translation = [(distance_mm + SKIN_MM / 2) * unit.mm, *(ends_mm.mean(0) * unit.mm)]


def _set_physics(sim, unit, physics_list, fluorescence):
    """Choose what photons do, by Geant4's name of it, and whether atoms send out characteristic lines."""
    physics = sim.physics_manager
    physics.physics_list_name = physics_list
    for particle in ("electron", "positron", "proton"):
        physics.global_production_cuts[particle] = 1 * unit.m
    physics.global_production_cuts.gamma = 1 * unit.um
    physics.em_parameters.fluo = fluorescence
    physics.em_parameters.auger = physics.em_parameters.pixe = False
    sim.g4_commands_before_init += ["/process/em/applyCuts true", "/process/em/UseGeneralProcess 0"]


def _add_tube(sim, unit, energies_kev, weights, photons, inclination_deg, azimuth_deg):
    """Add the point that photons leave.

    Args:
        sim: The simulation.
        unit: Geant4's units.
        energies_kev: Of the spectrum.
        weights: Of each energy.
        photons: How many.
        inclination_deg: From the lowest to the highest, as Geant4 has it.
        azimuth_deg: The same.
    """
    tube = sim.add_source("GenericSource", "tube")
    tube.particle, tube.n, tube.position.type = "gamma", photons, "point"
    tube.energy.type = "spectrum_discrete"
    tube.energy.spectrum_energies, tube.energy.spectrum_weights = [e * unit.keV for e in energies_kev], list(weights)
    tube.direction.type = "iso"
    tube.direction.theta = [a * unit.deg for a in inclination_deg]
    tube.direction.phi = [a * unit.deg for a in azimuth_deg]


def _write_down(sim):
    """Have the photons that enter the plate written down, with what they have met."""
    for name, process in (("compton", "compt"), ("rayleigh", "Rayl")):
        sim.activate_auxiliary_attribute("InteractionCounterAttribute", name).process_name = process
    panel = sim.add_actor("PhaseSpaceActor", "panel")
    panel.attached_to, panel.output_filename = "plate", "panel.root"
    panel.attributes, panel.steps_to_store = list(ATTRIBUTES), "entering"


def _sums(file, shape, corner_mm, distance_mm, ends_mm, to_shares, heel, energies_kev, first, second):
    """Return the sums over photons of their signal and of its square [kind band row col], and of the second moment.

    Args:
        file: Where the photons are.
        shape: Rows and columns that they are sorted into.
        corner_mm: Of the panel, in its plane (y, z).
        distance_mm: From the source to the panel's plane.
        ends_mm: The lowest and the highest (y, z) of the panel.
        to_shares: From (y, z) off the corner [mm] to (column, row) as shares of the panel.
        heel: Intensity over the panel by the direction in which a photon sets out; None where it is even.
        energies_kev: That the response is given for.
        first: Mean signal of a photon of each energy [band energy].
        second: Mean square of it.
    """
    rows, columns = shape
    cells, bands = rows * columns, len(first)
    signal, square, moment = np.zeros((3, 5, bands, cells))
    plate_mm = ends_mm.mean(0)  # where its own frame has its origin
    for photons in _photons(file):
        start = _vectors(photons, "EventDirection")
        start_column, start_row = to_shares @ (start[1:] / start[0] * distance_mm - corner_mm[:, None])
        column, row = to_shares @ (_vectors(photons, "PrePositionLocal")[1:] + (plate_mm - corner_mm)[:, None])
        weight = ((start_column >= 0) & (start_column < 1) & (start_row >= 0) & (start_row < 1)).astype(float)
        if heel is not None:
            weight *= heel[_index(start_row, heel.shape[0]), _index(start_column, heel.shape[1])]
        place = (_kinds(photons) * rows + _index(row, rows)) * columns + _index(column, columns)
        kev = photons["KineticEnergy"] * KEV_PER_MEV
        for band in range(bands):
            one = weight * np.interp(kev, energies_kev, first[band])
            two = weight * np.interp(kev, energies_kev, second[band])
            for sums, values in ((signal, one), (square, one**2), (moment, two)):
                sums[:, band] += np.bincount(place, values, 5 * cells).reshape(5, cells)
    return {"signal": signal, "square": square, "moment": moment}


def _photons(file):
    """Yield the photons that were written down, many at a time, as arrays by the names of what is known of them."""
    import uproot

    with uproot.open(file) as tree:
        if "panel" in tree:  # or nothing has reached it
            yield from tree["panel"].iterate(step_size=AT_ONCE, library="np")


def _vectors(photons, name):
    """Return vectors [3 photon]."""
    return np.stack([photons[f"{name}_{axis}"] for axis in "XYZ"])


def _kinds(photons):
    """Return the kind of each photon."""
    times = photons["compton"] + photons["rayleigh"]
    conditions = [photons["ParentID"] > 0, times == 0, times > 1, photons["compton"] == 1]
    return np.select(conditions, [FLUORESCENCE, PRIMARY, MULTIPLE, COMPTON], RAYLEIGH)


def _index(share, count):
    """Return which of `count` equal parts a share lies in; one on the very edge in the last."""
    return np.clip((share * count).astype(int), 0, count - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
