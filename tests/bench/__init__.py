"""The gate's speed, beside what people would use instead: `nox -s bench`."""
