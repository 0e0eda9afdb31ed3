"""アカウント情報: a login's own data, password, mail address and sessions, and the links that are mailed about them."""
