"""Full pages for customers: circle list, unique list, details of a registration."""
