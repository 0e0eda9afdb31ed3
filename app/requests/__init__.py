"""購入/解約: what customers ask the operator to add or to cancel, and what becomes of it."""
