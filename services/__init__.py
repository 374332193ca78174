"""Everything that touches the world: one folder per process, over `runtime`, composed in `bootstrap`."""
