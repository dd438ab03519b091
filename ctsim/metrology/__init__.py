"""What an inspector wants to know of each defect: how large, what shape, how near the wall, how well seen."""
