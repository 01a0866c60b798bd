"""An environment as a row: what is wanted, what was made, and the rules of every change between them."""
