"""An embedded PostgreSQL with a lived-in Unleash database, for the demo and for tests.

Nothing here is needed to keep a history of a real server.
"""
