"""What goes wrong inside a part: one file a kind, each a frozen record in millimetres that can become a solid."""
