"""GATE 10 (Geant4), a peer to hold ours against: what it is given, its processes, and what arrives on the panel."""
