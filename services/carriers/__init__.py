"""Carriers, each behind the same port: what their webhooks say, how they sign, and how to act at their API."""
