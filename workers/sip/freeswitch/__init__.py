"""FreeSWITCH, asked and listened to over its event socket (ESL)."""
