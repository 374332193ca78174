"""Schema changes, run at start by `services.runtime.database`. Each is additive: an older release still runs on it."""
