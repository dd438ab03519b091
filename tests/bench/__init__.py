"""Programs that print figures; never timed tests."""
