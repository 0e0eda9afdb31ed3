"""The demo: an embedded registrar, simulated phones, made-up customers. Nothing in `app` or `workers` knows of it."""
