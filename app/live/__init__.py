"""Fragments only: the poll of an open page, the look-up of one line."""
