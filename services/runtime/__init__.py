"""What every process stands on: settings, the bus, the database, keys, identity, telemetry, clock."""
