"""Extensions are found by an index, and so are parts of names and numbers, where the database has such: PostgreSQL."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_unique_name_grams": ('"unique"', "name_key", 2),
    "ix_unique_numbers_grams": ('"unique"', "number || ' ' || incoming_digits || ' ' || outgoing_digits", 3),
    "ix_circle_grams": ("circle", "number || ' ' || search_key", 2),
}


EXTENSIONS = ("incoming_extension", "outgoing_extension")


def upgrade() -> None:
    """Apply."""
    for column in EXTENSIONS:
        op.create_index(f"ix_unique_{column}", "unique", [column])
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("""
        CREATE FUNCTION search_grams(words text, length integer) RETURNS text[]
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
          SELECT coalesce(array_agg(DISTINCT substr(words, at, length)), '{}')
          FROM generate_series(1, char_length(words) - length + 1) AS at
        $$""")
    for name, (table, words, length) in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {table} USING gin (search_grams({words}, {length}))")


def downgrade() -> None:
    """Take back."""
    for column in EXTENSIONS:
        op.drop_index(f"ix_unique_{column}", table_name="unique")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION search_grams(text, integer) CASCADE")
