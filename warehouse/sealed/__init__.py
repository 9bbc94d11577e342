"""Sealed files: commits folded into sorted files by month, and which of them count."""
