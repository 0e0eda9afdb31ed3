"""OpenSIPS: its management interface (MI) over HTTP or datagrams, its events, its location table."""
