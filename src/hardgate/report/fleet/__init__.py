"""A fleet's reports: Markdown for people, JSON for programs, JUnit for CI systems."""
