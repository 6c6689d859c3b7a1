"""The template pipeline: six answers, and one word at the end (docs/pipeline.md)."""
