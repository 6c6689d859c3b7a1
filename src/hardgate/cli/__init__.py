"""The commands of `hardgate`, a module each: words into a request, and a request into work."""
