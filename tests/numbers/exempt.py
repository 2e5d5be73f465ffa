"""Rows that no line of the tables compares with PyTorch, and why.  This list may only shrink."""
ROWS = {}
