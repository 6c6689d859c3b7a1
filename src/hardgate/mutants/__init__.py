"""Whether a contract's probes notice what they promise: images and tiers broken on purpose."""
