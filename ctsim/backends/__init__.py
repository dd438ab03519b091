"""Ways to compute the radiographs of a specimen; one file each."""
