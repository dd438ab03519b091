"""CTSimU scenario files, format 1.2, in and out; see `ctsim.scenario.read` and `ctsim.scenario.write`."""
