"""How gunicorn serves the portal: the README, the demo and the tests all start it in this folder.

Why so: docs/architecture.md, "The web server". `GUNICORN_CMD_ARGS` and the command line win over what stands here;
`WEB_CONCURRENCY` is the number of processes.
"""

worker_class = "gthread"
threads = 8
# A page of 100 lines tells in each poll what it shows.
limit_request_line = 8190
# Longer than the longest pause between two polls of a page: an open page keeps its connection.
keepalive = 20
worker_connections = 12_000
backlog = 2048
