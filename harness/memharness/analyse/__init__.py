"""Pure analysis: measurements in, series, steps, blame and changes out. No clock, file, process or print."""
