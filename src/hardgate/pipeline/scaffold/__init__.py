"""What `hardgate init` writes into somebody's template: text, for packages carry it whole."""
