"""How the shipped demo models were made: from rendered pictures only, from scratch."""
