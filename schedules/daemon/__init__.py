"""The daemon: keeps the slots of every source, night after night, and says so when it did not."""
