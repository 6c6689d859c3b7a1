"""What a reader can say of a contract without an engine: probes that cannot fail or say why."""
