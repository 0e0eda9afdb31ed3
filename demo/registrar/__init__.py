"""A small SIP registrar over UDP that answers Kamailio's JSON-RPC, for the demo and for tests."""
