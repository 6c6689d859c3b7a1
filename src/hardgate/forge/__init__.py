"""Forges, asked over their APIs to run a workflow and to say what came of it; a module each."""
