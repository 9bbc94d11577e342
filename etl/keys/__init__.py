"""Keys of a log: where they are kept, how they are opened, and how they change."""
