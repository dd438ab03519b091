"""What the ten 2D tests of the CTSimU toolbox look at, and how the toolbox is run on it."""
