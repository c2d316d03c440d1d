"""What goes to the person who programs the PLC: an interface sheet and an example program."""
