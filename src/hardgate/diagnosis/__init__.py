"""Why a promise was missed: the second look, what is around it, and the reason that they give."""
