"""The rules of the portal as values and pure functions: no Flask, no Redis, no SQL, no clock."""
