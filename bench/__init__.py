"""What the portal's figures were measured with: `.venv/bin/python -m bench.NAME [--json FILE] [--small]`.

Each script measures its floor in the same run, so that its ratios mean the same on any machine.
"""
