"""What the doctor looks at, and the rules that turn facts into findings."""
