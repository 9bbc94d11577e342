"""How a snapshot comes to be: read one source, shape it, sign it, hand it on."""
