"""Questions in SQL, at a prompt or one by one, answered by a process that may fail alone."""
