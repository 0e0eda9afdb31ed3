"""Redis: what the workers found, what was asked for, who is logged in. Nobody else spells a key or a time-to-live."""
