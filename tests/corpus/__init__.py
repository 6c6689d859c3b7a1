"""Small labelled templates, each after a public thread: what `static` must say of them."""
