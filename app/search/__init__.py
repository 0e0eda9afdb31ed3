"""検索: lines by number, name or phone number, and circles, in the caller's scope."""
