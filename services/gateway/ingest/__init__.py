"""What other systems send, read and checked before it is stored."""
