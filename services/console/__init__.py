"""Console: the reading API, the wall board's stream, and the pages."""
