"""What was proved of an image, as a statement that others can check."""
