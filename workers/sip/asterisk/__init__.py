"""Asterisk with PJSIP, over its manager interface."""
