"""Anchors: the signed head of the log, kept where the operator cannot reach it."""
