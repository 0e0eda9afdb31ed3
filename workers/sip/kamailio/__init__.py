"""Kamailio, by its JSON-RPC over HTTP."""
