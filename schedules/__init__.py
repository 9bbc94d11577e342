"""When things happen, and the command line: by hand what a clock would do."""
