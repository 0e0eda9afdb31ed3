"""The parts of bench/truth.py: phones that come and go, pages that poll, faults, and who judges what was shown."""
