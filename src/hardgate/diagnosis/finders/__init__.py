"""What code finds in the evidence of a miss, one subject a module; the words are in `rules/`.

A finder takes a miss and one step of its probe, and yields the clues that this step gives. It looks
at what was seen, never at the name of a capability, and says nothing where it is not sure.
"""
