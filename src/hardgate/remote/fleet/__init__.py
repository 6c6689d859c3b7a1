"""Many images on many hosts: who was looked at where, by which contract, and what it is worth."""
