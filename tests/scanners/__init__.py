"""Secret scanners compared on the token shapes of forges and model vendors."""
