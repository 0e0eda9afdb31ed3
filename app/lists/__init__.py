"""The circle list and the unique list: tabs, sorting, filters and pages, as they stand in the URL."""
