"""Lists cost the same however long they are: an index for each of their orders, counts that triggers keep."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = {
    "circle": {
        "ix_circle_list_user_information_number": ("account_id", "user_information", "number"),
        "ix_circle_list_department_number": ("account_id", "department", "number"),
        "ix_circle_list_person_in_charge_number": ("account_id", "person_in_charge", "number"),
        "ix_circle_list_applied_on_number": ("account_id", "applied_on", "number"),
        "ix_circle_list_number": ("account_id", "number"),
        "ix_circle_list_state_user_information_number": ("account_id", "state", "user_information", "number"),
        "ix_circle_list_state_department_number": ("account_id", "state", "department", "number"),
        "ix_circle_list_state_person_in_charge_number": ("account_id", "state", "person_in_charge", "number"),
        "ix_circle_list_state_applied_on_number": ("account_id", "state", "applied_on", "number"),
        "ix_circle_list_state_number": ("account_id", "state", "number"),
    },
    "unique": {
        "ix_unique_list_name_key_number": ("circle_id", "name_key", "number"),
        "ix_unique_list_affiliation_number": ("circle_id", "affiliation", "number"),
        "ix_unique_list_number": ("circle_id", "number"),
        "ix_unique_list_type_name_key_number": ("circle_id", "type_code", "name_key", "number"),
        "ix_unique_list_type_affiliation_number": ("circle_id", "type_code", "affiliation", "number"),
        "ix_unique_list_type_number": ("circle_id", "type_code", "number"),
        "ix_unique_server_id_type_code": ("server_id", "type_code", "ip_authentication"),
    },
}
# What the new ones make needless.
FORMER = {
    "circle": {"ix_circle_account_id": ("account_id",)},
    "unique": {
        "ix_unique_circle_id_number": ("circle_id", "number"),
        "ix_unique_circle_id_server_id": ("circle_id", "server_id", "type_code", "ip_authentication"),
    },
}
# Tally -> what it counts, the column of its counts, and its key: its columns, and what they are of the rows counted.
TALLIES = {
    "line_tally": (
        "unique",
        "lines",
        {
            "circle_id": "{row}circle_id",
            "server_id": "coalesce({row}server_id, 0)",
            "type_code": "{row}type_code",
            "ip_authentication": "{row}ip_authentication",
        },
    ),
    "circle_tally": ("circle", "circles", {"account_id": "{row}account_id", "state": "{row}state"}),
}
EVENTS = {"insert": ("added",), "update": ("added", "removed"), "delete": ("removed",)}
SIGNS = {"added": "+1", "removed": "-1"}


def upgrade() -> None:
    """Apply."""
    _index(INDEXES, FORMER)
    op.create_table(
        "line_tally",
        sa.Column("circle_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("server_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type_code", sa.String(length=32), nullable=False),
        sa.Column("ip_authentication", sa.Boolean(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "circle_id", "server_id", "type_code", "ip_authentication", name=op.f("pk_line_tally")
        ),
    )
    op.create_table(
        "circle_tally",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("circles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "state", name=op.f("pk_circle_tally")),
    )
    watch = _watch_postgresql if op.get_bind().dialect.name == "postgresql" else _watch_sqlite
    for tally, (table, counts, key) in TALLIES.items():
        columns, values = ", ".join(key), ", ".join(value.format(row="") for value in key.values())
        op.execute(f'INSERT INTO {tally} ({columns}, {counts}) SELECT {values}, count(*) FROM "{table}" GROUP BY {values}')
        watch(tally, table, counts, key)


def downgrade() -> None:
    """Take back."""
    for tally, (table, _, _) in TALLIES.items():
        for event in EVENTS:
            if op.get_bind().dialect.name == "postgresql":
                op.execute(f"DROP FUNCTION {tally}_{event}() CASCADE")
            else:
                op.execute(f"DROP TRIGGER {tally}_{event}")
        op.drop_table(tally)
    _index(FORMER, INDEXES)


def _index(made: dict, dropped: dict) -> None:
    for table, indexes in dropped.items():
        for name in indexes:
            op.drop_index(name, table_name=table)
    for table, indexes in made.items():
        for name, columns in indexes.items():
            op.create_index(name, table, list(columns))


def _watch_postgresql(tally: str, table: str, counts: str, key: dict[str, str]) -> None:
    """One trigger a statement: a million rows that are loaded at once are counted at once."""
    columns, values = ", ".join(key), ", ".join(value.format(row="") for value in key.values())
    for event, kinds in EVENTS.items():
        moved = " UNION ALL ".join(f"SELECT {values}, {SIGNS[kind]} FROM {kind}" for kind in kinds)
        # In the order of the key, so that two writers wait for each other in one order.
        op.execute(f"""
            CREATE FUNCTION {tally}_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              INSERT INTO {tally} AS kept ({columns}, {counts})
              SELECT {columns}, sum(moved) FROM ({moved}) AS moves ({columns}, moved)
              GROUP BY {columns} HAVING sum(moved) <> 0 ORDER BY {columns}
              ON CONFLICT ({columns}) DO UPDATE SET {counts} = kept.{counts} + excluded.{counts};
              RETURN NULL;
            END $$""")
        seen = {"added": "NEW TABLE AS added", "removed": "OLD TABLE AS removed"}
        op.execute(
            f'CREATE TRIGGER {tally}_{event} AFTER {event} ON "{table}"'
            f" REFERENCING {' '.join(seen[kind] for kind in kinds)}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {tally}_{event}()"
        )


def _watch_sqlite(tally: str, table: str, counts: str, key: dict[str, str]) -> None:
    """One trigger a row: SQLite has no other."""
    rows = {"added": "new.", "removed": "old."}
    for event, kinds in EVENTS.items():
        steps = []
        for kind in kinds:
            values = ", ".join(value.format(row=rows[kind]) for value in key.values())
            steps.append(
                f"INSERT INTO {tally} ({', '.join(key)}, {counts}) VALUES ({values}, {SIGNS[kind]})"
                f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {counts} = {counts} {SIGNS[kind]};"
            )
        of = f"UPDATE OF {', '.join(key)}" if event == "update" else event
        op.execute(f'CREATE TRIGGER {tally}_{event} AFTER {of} ON "{table}" BEGIN {" ".join(steps)} END')
