"""How far the loaded data can be trusted, on one page for people; the rules themselves are in `expectations/`."""
