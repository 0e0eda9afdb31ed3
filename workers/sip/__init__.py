"""One folder for each family of SIP servers; `base.py` says what all of them offer, `registry.py` which there are."""
