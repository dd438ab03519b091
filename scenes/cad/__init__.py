"""CAD and mesh files in, closed solids in millimetres out, with a report of everything that was done to them."""
