"""The words of Frontdoor: identifiers, envelopes, facts, decisions, frames and configuration.

Pydantic models only; no behaviour beyond validation. Everything that crosses a process boundary is declared here and
nowhere else. A change is additive, or a new version; the name of a removed field is never used again.
"""
