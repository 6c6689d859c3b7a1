"""Strict reading of files that somebody else wrote: bytes, nodes with lines, fields, shapes."""
