"""One verification run, from request to verdict, by an Ansible play."""
