"""Docker Engine: client, exec, images, ownership and cleanup."""
