"""What is kept: the ledger, its views, and everything that reads them.

Knows no PostgreSQL and no private key: with this package alone an auditor can
query and verify a history.
"""
