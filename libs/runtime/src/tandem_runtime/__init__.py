"""One way for every Tandem process to log, trace, count, say how it is, and stop."""
