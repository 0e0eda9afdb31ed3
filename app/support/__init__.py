"""Support staff: find any customer's line, see it live, reload its row."""
