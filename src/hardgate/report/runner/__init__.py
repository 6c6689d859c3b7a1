"""What a run over hosts leaves: for each host its JUnit and its summary, and one last line."""
