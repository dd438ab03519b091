"""CAD parts of our own, made by code; one file each."""
