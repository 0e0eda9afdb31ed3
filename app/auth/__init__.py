"""Logging in and out: accounts, circles, uniques and staff."""
