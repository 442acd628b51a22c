"""Web servers on 127.0.0.1, and the guard that stands before each of them."""
